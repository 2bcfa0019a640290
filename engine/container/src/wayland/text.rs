//! Text input: what a player's own input method, or screen keyboard, has made of his keys.
//!
//! A client that asks for text (`zwp_text_input_v3`) is given it; clients that take keys alone, X programs too, have it typed. Smithay's own
//! version of the protocol wants an input method that is a client, and drops what is asked for without one: here the player's page is it.

use super::state::State;
use super::surfaces::millis;
use crate::clock;
use smithay::input::keyboard::FilterResult;
use smithay::reexports::wayland_protocols::wp::text_input::zv3::server::zwp_text_input_manager_v3::{
    self, ZwpTextInputManagerV3,
};
use smithay::reexports::wayland_protocols::wp::text_input::zv3::server::zwp_text_input_v3::{
    self, ZwpTextInputV3,
};
use smithay::reexports::wayland_server::backend::ClientId;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource,
};
use smithay::utils::{IsAlive, SERIAL_COUNTER};

/// The clients' text inputs, and which surface has the keyboard.
#[derive(Debug, Default)]
pub(super) struct TextInputs {
    inputs: Vec<TextInput>,
    focus: Option<WlSurface>,
}

#[derive(Debug)]
struct TextInput {
    object: ZwpTextInputV3,
    /// How often the client has committed what it asked for: an answer names it.
    serial: u32,
    /// It takes text, as soon as that is committed, and as it was committed.
    wanted: bool,
    enabled: bool,
}

impl TextInputs {
    /// Another surface has the keyboard.
    pub(super) fn set_focus(&mut self, focus: Option<WlSurface>) {
        if self.focus == focus {
            return;
        }
        if let Some(left) = self.focus.take().filter(IsAlive::alive) {
            for input in self.of(&left) {
                (input.wanted, input.enabled) = (false, false);
                input.object.leave(&left);
            }
        }
        if let Some(entered) = &focus {
            for input in self.of(entered) {
                input.object.enter(entered);
            }
        }
        self.focus = focus;
    }

    /// Gives text to the client that has the keyboard; `false` when it takes none.
    fn commit(&mut self, text: &str) -> bool {
        let Some(focus) = self.focus.clone().filter(IsAlive::alive) else {
            return false;
        };
        let taker = self.of(&focus).find(|input| input.enabled);
        if let Some(input) = &taker {
            input.object.commit_string(Some(text.to_owned()));
            input.object.done(input.serial);
        }
        taker.is_some()
    }

    fn of(&mut self, surface: &WlSurface) -> impl Iterator<Item = &mut TextInput> {
        let owner = surface.id();
        self.inputs
            .iter_mut()
            .filter(move |input| input.object.id().same_client_as(&owner))
    }

    fn find(&mut self, object: &ZwpTextInputV3) -> Option<&mut TextInput> {
        self.inputs.iter_mut().find(|input| &input.object == object)
    }
}

impl State {
    /// Types what no key stands for, into whatever has the keyboard. What cannot be typed is left out.
    pub(super) fn type_text(&mut self, text: &str) {
        if self.text.commit(text) {
            return;
        }
        let Some(strokes) = self.keys.strokes(text) else {
            return;
        };
        let keyboard = self.keyboard.clone();
        if let Some(keymap) = strokes.keymap
            && let Err(error) = keyboard.set_keymap_from_string(self, keymap)
        {
            tracing::debug!(%error, "a text cannot be typed");
            return;
        }
        for (key, state) in strokes.presses {
            let (serial, time) = (SERIAL_COUNTER.next_serial(), millis(clock::now()));
            keyboard.input::<(), _>(self, key, state, serial, time, |_, _, _| FilterResult::Forward);
        }
    }
}

impl GlobalDispatch<ZwpTextInputManagerV3, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<ZwpTextInputManagerV3>,
        (): &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(resource, ());
    }
}

impl Dispatch<ZwpTextInputManagerV3, ()> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        manager: &ZwpTextInputManagerV3,
        request: zwp_text_input_manager_v3::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let zwp_text_input_manager_v3::Request::GetTextInput { id, .. } = request else {
            return;
        };
        let object = init.init(id, ());
        let inputs = &mut state.text;
        if inputs.inputs.len() >= INPUTS_MAX {
            // wl_display.error.no_memory
            manager.post_error(2u32, "too many text inputs");
            return;
        }
        if let Some(focus) = inputs.focus.as_ref().filter(|focus| {
            let owner = focus.client();
            focus.alive() && owner.as_ref() == Some(client)
        }) {
            object.enter(focus);
        }
        inputs.inputs.push(TextInput {
            object,
            serial: 0,
            wanted: false,
            enabled: false,
        });
    }
}

impl Dispatch<ZwpTextInputV3, ()> for State {
    /// What surrounds the text, and what it is for, is no business of a page that sees the picture.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the rest would help an input method that draws"
    )]
    fn request(
        state: &mut Self,
        _: &Client,
        object: &ZwpTextInputV3,
        request: zwp_text_input_v3::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let Some(input) = state.text.find(object) else {
            return;
        };
        match request {
            zwp_text_input_v3::Request::Enable => input.wanted = true,
            zwp_text_input_v3::Request::Disable => input.wanted = false,
            zwp_text_input_v3::Request::Commit => {
                input.serial = input.serial.wrapping_add(1);
                input.enabled = input.wanted;
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, object: &ZwpTextInputV3, (): &()) {
        state.text.inputs.retain(|input| &input.object != object);
    }
}

/// A client has one for each seat, or one for each window; more are out of their mind.
const INPUTS_MAX: usize = 1_024;

//! What clients commit: where it goes, when they may draw the next, and what they are told of when it was seen.

use super::beat::{Beat, PIECES};
use super::clients::{self, ClientState};
use super::state::State;
use crate::clock;
use firstlight_units::{Ticks, Timestamp};
use smithay::backend::renderer::utils::{on_commit_buffer_handler, with_renderer_surface_state};
use smithay::delegate_compositor;
use smithay::delegate_shm;
use smithay::desktop::{PopupManager, find_popup_root_surface};
use smithay::reexports::wayland_protocols::wp::presentation_time::server::wp_presentation_feedback;
use smithay::reexports::wayland_server::backend::protocol::ProtocolError;
use smithay::reexports::wayland_server::protocol::wl_buffer::WlBuffer;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::reexports::wayland_server::{Client, Resource};
use smithay::utils::IsAlive;
use smithay::wayland::buffer::BufferHandler;
use smithay::wayland::compositor::{
    CompositorClientState, CompositorHandler, CompositorState, SurfaceAttributes, SurfaceData,
    TraversalAction, get_parent, is_sync_subsurface, with_surface_tree_downward,
};
use smithay::wayland::presentation::{PresentationFeedbackCachedState, Refresh};
use smithay::wayland::shm::{ShmHandler, ShmState};
use std::time::Duration;

/// Surfaces whose clients wait to be told that they may draw.
#[derive(Debug)]
pub(super) struct Awaiting {
    native: Queue,
    /// The X server's.
    x: Queue,
    /// Of the title.
    period: Duration,
    ticks: Option<Ticks>,
}

#[derive(Debug)]
struct Queue {
    beat: Beat,
    surfaces: Vec<WlSurface>,
}

impl Awaiting {
    pub(super) fn new(fps: u16) -> Self {
        let queue = |fps| Queue {
            beat: Beat::new(fps),
            surfaces: Vec::new(),
        };
        Self {
            native: queue(u32::from(fps)),
            x: queue(u32::from(fps) * PIECES),
            period: Duration::from_secs(1) / u32::from(fps.max(1)),
            ticks: None,
        }
    }

    /// They are told by these ticks from here on; `None`: at the title's rate.
    pub(super) fn follow(&mut self, ticks: Option<Ticks>) {
        self.ticks = ticks;
        self.native.beat.follow(ticks);
        self.x.beat.follow(ticks.map(|ticks| ticks.divided(PIECES)));
    }

    /// Between two pictures of who draws when it may.
    fn period(&self) -> Duration {
        self.ticks.map_or(self.period, Ticks::period)
    }

    /// When the first of them is to be told.
    pub(super) fn timeout(&self) -> Option<Timestamp> {
        [&self.native, &self.x]
            .into_iter()
            .filter(|queue| !queue.surfaces.is_empty())
            .map(|queue| queue.beat.due())
            .min()
    }
}

impl Queue {
    /// Tells its surfaces, where it is time; whether anybody had asked.
    fn answer(&mut self, now: Timestamp) -> bool {
        if self.surfaces.is_empty() || self.beat.due() > now {
            return false;
        }
        let mut answered = false;
        for surface in self.surfaces.drain(..).filter(IsAlive::alive) {
            each_surface(&surface, |_, states| {
                let mut attributes = states.cached_state.get::<SurfaceAttributes>();
                for callback in attributes.current().frame_callbacks.drain(..) {
                    callback.done(millis(now));
                    answered = true;
                }
            });
        }
        if answered {
            self.beat.on_answered(now);
        }
        answered
    }
}

impl State {
    /// Tells those whose time it is that they may draw.
    pub(super) fn answer(&mut self, now: Timestamp) {
        if self.awaiting.native.answer(now) {
            self.shared.on_answered();
        }
        self.awaiting.x.answer(now);
    }

    /// Tells those who asked that what they committed is on its way to the player.
    pub(super) fn on_presented(&mut self) {
        let now = Duration::from(clock::now().since(Timestamp::from_micros(0)));
        let (output, number, period) = (&self.output, self.painter.number(), self.awaiting.period());
        for window in self.windows.downwards() {
            each_surface(&window.surface, |_, states| {
                let mut feedback = states.cached_state.get::<PresentationFeedbackCachedState>();
                for callback in feedback.current().callbacks.drain(..) {
                    callback.presented(
                        output,
                        now,
                        Refresh::fixed(period),
                        number,
                        wp_presentation_feedback::Kind::empty(),
                    );
                }
            });
        }
    }

    fn await_frame(&mut self, root: &WlSurface) {
        let is_x = root.client().is_some_and(|client| clients::is_x(&client));
        let queue = if is_x {
            &mut self.awaiting.x
        } else {
            &mut self.awaiting.native
        };
        if !queue.surfaces.contains(root) {
            queue.surfaces.push(root.clone());
        }
    }

    /// The window that a surface is a part of: itself, its parent's, its popup's parent's.
    fn window_of(&self, root: &WlSurface) -> Option<WlSurface> {
        let window = match self.popups.find_popup(root) {
            Some(popup) => find_popup_root_surface(&popup).ok()?,
            None => root.clone(),
        };
        self.windows.contains(&window).then_some(window)
    }
}

impl CompositorHandler for State {
    fn compositor_state(&mut self) -> &mut CompositorState {
        &mut self.compositor
    }

    fn client_compositor_state<'a>(&self, client: &'a Client) -> &'a CompositorClientState {
        let state = client.get_data::<ClientState>();
        &state
            .expect("invariant: every client is inserted with its state")
            .compositor
    }

    fn new_surface(&mut self, surface: &WlSurface) {
        let Some(client) = surface.client() else { return };
        let takes = client
            .get_data::<ClientState>()
            .is_none_or(ClientState::takes_surface);
        if !takes {
            client.kill(
                &self.display,
                ProtocolError {
                    code: NO_MEMORY,
                    object_id: 1,
                    object_interface: "wl_display".into(),
                    message: "too many surfaces".into(),
                },
            );
        }
    }

    fn destroyed(&mut self, surface: &WlSurface) {
        if let Some(client) = surface.client()
            && let Some(state) = client.get_data::<ClientState>()
        {
            state.on_surface_gone();
        }
        self.hide(surface);
    }

    fn commit(&mut self, surface: &WlSurface) {
        let at = clock::now();
        on_commit_buffer_handler::<Self>(surface);
        self.popups.commit(surface);
        if is_sync_subsurface(surface) {
            return;
        }
        let mut root = surface.clone();
        while let Some(parent) = get_parent(&root) {
            root = parent;
        }
        self.await_frame(&root);
        if self.cursor.is(&root) {
            self.draw_cursor();
            return;
        }
        if let Some(wm) = &mut self.x {
            wm.on_commit(&root);
        }
        self.configure(&root);
        self.settle_size(at);
        if self.window_of(&root).is_some() {
            let is_x = root.client().is_some_and(|client| clients::is_x(&client));
            self.schedule.on_commit(at, is_x);
            self.settle_pointer();
        }
    }
}

impl BufferHandler for State {
    fn buffer_destroyed(&mut self, _buffer: &WlBuffer) {}
}

impl ShmHandler for State {
    fn shm_state(&self) -> &ShmState {
        &self.shm
    }
}

delegate_compositor!(State);
delegate_shm!(State);

/// Whether there is anything to see of it.
pub(super) fn has_buffer(surface: &WlSurface) -> bool {
    with_renderer_surface_state(surface, |state| state.buffer().is_some()).unwrap_or(false)
}

/// Looks at a surface and all that belong to it, popups too.
fn each_surface(surface: &WlSurface, mut look: impl FnMut(&WlSurface, &SurfaceData)) {
    let popups = PopupManager::popups_for_surface(surface);
    let popups = popups.map(|(popup, _)| popup.wl_surface().clone());
    for root in std::iter::once(surface.clone()).chain(popups) {
        with_surface_tree_downward(
            &root,
            (),
            |_, _, ()| TraversalAction::DoChildren(()),
            |surface, states, ()| look(surface, states),
            |_, _, ()| true,
        );
    }
}

/// A moment as events tell it: it wraps.
pub(super) fn millis(at: Timestamp) -> u32 {
    u32::try_from(at.as_micros() / 1_000 % (1 << 32)).unwrap_or_default()
}

/// `wl_display.error.no_memory`.
const NO_MEMORY: u32 = 2;

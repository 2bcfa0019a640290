//! What flows: datagrams in, input to the app, units and sound to the player.

use super::Worker;
use crate::audio::AudioUnit;
use crate::clock;
use crate::echo::Injected;
use crate::encoders::goes_by_rtc;
use crate::media::CodedUnit;
use crate::player::Player;
use bytes::Bytes;
use firstlight_container::{InputEvent, Layout, PadState, Touch, TouchPhase};
use firstlight_proto::input::{Cause, Injection};
use firstlight_proto::send::{AudioFrame, VideoUnit};
use firstlight_units::Timestamp;
use firstlight_wire::{EventKind, Kind, Pad, Phase, Text, VideoTrace};

impl Worker {
    pub(super) fn on_datagram(&mut self, now: Timestamp, datagram: &[u8]) {
        self.life.heard(now);
        self.look_for_rebinding(now);
        match Kind::of(datagram) {
            Ok(Kind::Input) => {
                self.receiver.handle_datagram(now, datagram);
                self.inject();
            }
            Ok(Kind::Feedback) => self.on_feedback(now, datagram),
            Ok(Kind::ClockRequest) => {
                if let Some(reply) = self.responder.answer(now, clock::now(), datagram) {
                    self.send(&reply.to_bytes());
                }
            }
            Ok(
                Kind::Video
                | Kind::Audio
                | Kind::Padding
                | Kind::Parity
                | Kind::ClockReply
                | Kind::InputAck
                | Kind::Sealed,
            )
            | Err(_) => {
                self.malformed += 1;
            }
        }
    }

    fn on_feedback(&mut self, now: Timestamp, datagram: &[u8]) {
        self.sender.handle_feedback(now, datagram);
        let acknowledged = self.sender.acknowledged();
        self.parts.shared.wish(|wish| wish.acknowledged = acknowledged);
        // A browser's own reports say nothing of its decoder.
        if self.player.as_ref().is_some_and(|p| !p.link.is_rtc()) {
            let target = self.wants.target(self.sender.target());
            let queue = self.sender.decode_queue();
            self.quality.on_decode_queue(now, target, queue);
            self.tell_choice();
        }
    }

    /// QUIC has followed the client to another address by itself; the rate is another question.
    fn look_for_rebinding(&mut self, now: Timestamp) {
        if let Some(player) = &mut self.player {
            let remote = player.link.remote();
            if std::mem::replace(&mut player.remote, remote) != remote {
                tracing::debug!(?remote, "the client's address changed");
                self.sender.rebound(now);
            }
        }
    }

    /// Puts everything that is due into the app and tells the client.
    pub(super) fn inject(&mut self) {
        while let Some(injection) = self.receiver.poll_injection() {
            let injected = match translate(injection.event.kind) {
                // A title that is not played by touch has no screen for it.
                Some(Told::Display(InputEvent::Touch(_))) if !self.parts.title.input.touch => continue,
                Some(Told::Display(event)) => self.parts.input.inject(event),
                Some(Told::Gamepad(pad)) => self.set_gamepad(pad),
                Some(Told::Keyboard(text)) => self.parts.input.type_text(text.as_str()),
                None => continue,
            };
            match injected {
                Ok(()) => self.note(&injection),
                // The display is gone: the look at the container says so in a moment, with its last words.
                Err(error) => tracing::debug!(%error, "an event was not injected"),
            }
        }
        if let Some(ack) = self.receiver.poll_ack(clock::now()) {
            self.send(&ack.to_bytes());
        }
    }

    /// The player's keys are labelled like this.
    pub(super) fn on_layout(&mut self, now: Timestamp, name: &str) {
        match Layout::named(name) {
            Some(layout) => self.layouts.ask(layout),
            None => tracing::debug!("a layout that this host does not know"),
        }
        self.follow_layout(now);
    }

    /// Gives the keyboard the layout that it is to have, if it is time.
    pub(super) fn follow_layout(&mut self, now: Timestamp) {
        let Some(layout) = self.layouts.poll(now) else {
            return;
        };
        if let Err(error) = self.parts.input.set_layout(layout) {
            tracing::debug!(%error, "the keyboard keeps its layout");
        }
    }

    fn set_gamepad(&self, pad: Pad) -> Result<(), firstlight_container::Error> {
        let state = pad.plugged.then_some(PadState {
            buttons: pad.buttons,
            triggers: pad.triggers,
            sticks: pad.sticks,
        });
        let gamepads = self.parts.gamepads.as_ref();
        gamepads.map_or(Ok(()), |gamepads| gamepads.set(pad.pad, state))
    }

    fn note(&self, injection: &Injection) {
        if injection.cause == Cause::Player {
            self.parts.shared.on_injected(Injected {
                id: injection.id,
                arrived: injection.arrived,
                injected: clock::now(),
            });
        }
    }

    pub(super) fn on_unit(&mut self, now: Timestamp, unit: CodedUnit) {
        // A page that nobody sees gets little on purpose: its picture is as large as ever when it is looked at again.
        if let Some(coded) = unit.before.filter(|_| !self.wants.hidden) {
            let target = self.wants.target(self.sender.target());
            self.quality.on_coded(now, target, coded);
            self.tell_choice();
        }
        // What was on its way when a player came whose transport does not carry it.
        let carried = |player: &Player| !player.link.is_rtc() || goes_by_rtc(unit.meta.codec);
        if self.player.as_ref().is_some_and(carried) {
            let packetize = (now - unit.encoded_at).as_u32();
            let trace = unit.trace.map(|trace| VideoTrace { packetize, ..trace });
            self.sender.push_video(
                now,
                VideoUnit {
                    frame: unit.meta.frame,
                    reference: unit.meta.reference,
                    captured_at: unit.meta.captured_at,
                    idr: unit.meta.idr,
                    recovery: unit.meta.recovery,
                    still: unit.meta.still,
                    unit: unit.index,
                    last: unit.last,
                    trace,
                    nals: &unit.nals,
                },
            );
            self.transmit();
            if unit.last {
                self.second.paced(self.sender.stats().pace);
            }
        }
        // Full: more buffers than are ever in use; this one is freed.
        drop(self.parts.spare.try_send(unit.nals));
    }

    pub(super) fn on_audio(&mut self, now: Timestamp, unit: &AudioUnit) {
        if self.player.is_some() {
            self.sender.push_audio(
                now,
                AudioFrame {
                    frame: unit.frame,
                    captured_at: unit.captured_at,
                    silent: unit.silent,
                    primary: &unit.primary,
                    previous: &unit.previous,
                },
            );
        }
    }

    /// Hands on everything whose time has come, in one go: quinn sends it in batches when this task waits.
    pub(super) fn transmit(&mut self) {
        // Where quinn has sent all that was cut before, from the beginning: memory that was used a moment ago is in the cache.
        _ = self.cut.try_reclaim(super::CUT_BYTES);
        // All of it leaves when this task waits, whatever the time in between.
        let now = clock::now();
        while self.sender.poll_transmit(now, &mut self.datagram) {
            let Some(player) = &self.player else { continue };
            if !player.send_from(&mut self.cut, &self.datagram) {
                let most = player.link.datagram_max();
                self.sender.set_datagram_max(most);
            }
        }
    }

    fn send(&self, bytes: &[u8]) {
        if let Some(player) = &self.player
            && !player.send(Bytes::copy_from_slice(bytes))
        {
            tracing::debug!("the path takes no datagrams of {} bytes", bytes.len());
        }
    }
}

/// Whom an event is told.
enum Told {
    Display(InputEvent),
    Gamepad(Pad),
    Keyboard(Text),
}

fn translate(kind: EventKind) -> Option<Told> {
    let event = match kind {
        EventKind::KeyDown(code) => InputEvent::Key { code, down: true },
        EventKind::KeyUp(code) => InputEvent::Key { code, down: false },
        EventKind::ButtonDown(button) => InputEvent::Button { button, down: true },
        EventKind::ButtonUp(button) => InputEvent::Button { button, down: false },
        EventKind::MoveTo { x, y } => InputEvent::MoveTo { x, y },
        EventKind::MoveBy { dx, dy } => InputEvent::MoveBy { dx, dy },
        EventKind::Wheel { dx, dy } => InputEvent::Wheel { dx, dy },
        EventKind::Touch(touch) => InputEvent::Touch(Touch {
            contact: touch.contact,
            phase: match touch.phase {
                Phase::Up => TouchPhase::Up,
                Phase::Down => TouchPhase::Down,
                Phase::Move => TouchPhase::Move,
                Phase::Cancel => TouchPhase::Cancel,
            },
            x: touch.x,
            y: touch.y,
        }),
        EventKind::Text(text) => return Some(Told::Keyboard(text)),
        EventKind::Pad(pad) => return Some(Told::Gamepad(pad)),
        EventKind::Unknown(_) => return None,
    };
    Some(Told::Display(event))
}

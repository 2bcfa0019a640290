//! What the host makes of input datagrams, rule by rule of docs/PROTOCOL.md, section 3.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and cuts numbers on purpose"
)]

use firstlight_proto::input::{Cause, Injection, InputReceiver, Reason};
use firstlight_units::{InputId, Micros, Timestamp};
use firstlight_wire::EventKind::{
    self, ButtonDown, ButtonUp, KeyDown, KeyUp, MoveBy, MoveTo, Unknown, Wheel,
};
use firstlight_wire::{Event, InputAck, Pad, Phase, Touch, WriteInput};

const W: u16 = 17;
const SHIFT: u16 = 42;

fn ms(n: u64) -> Timestamp {
    Timestamp::from_micros(n * 1_000)
}

/// A receiver with a client attached at 0, and a client that counts its datagrams.
struct Bench {
    receiver: InputReceiver,
    sequence: u16,
}

#[derive(Clone, Copy)]
struct Datagram<'a> {
    first: u32,
    events: &'a [EventKind],
    pressed: &'a [u16],
    buttons: u16,
    focused: bool,
    more: bool,
    pads: &'a [Pad],
    contacts: u16,
}

/// A datagram of a page with the focus that holds nothing.
const fn carrying(first: u32, events: &[EventKind]) -> Datagram<'_> {
    Datagram {
        first,
        events,
        pressed: &[],
        buttons: 0,
        focused: true,
        more: false,
        pads: &[],
        contacts: 0,
    }
}

impl<'a> Datagram<'a> {
    const fn holding(self, pressed: &'a [u16]) -> Self {
        Self { pressed, ..self }
    }

    const fn buttons(self, buttons: u16) -> Self {
        Self { buttons, ..self }
    }

    const fn plugged(self, pads: &'a [Pad]) -> Self {
        Self { pads, ..self }
    }

    /// Bit n: finger n is on the screen.
    const fn touching(self, contacts: u16) -> Self {
        Self { contacts, ..self }
    }

    const fn with_more_behind(self) -> Self {
        Self { more: true, ..self }
    }

    const fn unfocused(self) -> Self {
        Self {
            focused: false,
            ..self
        }
    }
}

impl Bench {
    fn new() -> Self {
        Self::after(0)
    }

    fn after(last: u64) -> Self {
        let mut bench = Self {
            receiver: InputReceiver::new(InputId::new(last)),
            sequence: 0,
        };
        bench.receiver.attach(ms(0));
        assert!(bench.drain().is_empty());
        bench
    }

    fn drain(&mut self) -> Vec<Injection> {
        std::iter::from_fn(|| self.receiver.poll_injection()).collect()
    }

    /// Sends the next datagram.
    fn send(&mut self, at: Timestamp, datagram: Datagram<'_>) -> Vec<(u64, EventKind, Cause)> {
        self.sequence = self.sequence.wrapping_add(1);
        self.send_as(at, self.sequence, datagram)
    }

    fn send_as(
        &mut self,
        at: Timestamp,
        sequence: u16,
        datagram: Datagram<'_>,
    ) -> Vec<(u64, EventKind, Cause)> {
        let events: Vec<_> = datagram
            .events
            .iter()
            .map(|kind| Event { kind: *kind, age: 9 })
            .collect();
        let mut bytes = Vec::new();
        WriteInput {
            focused: datagram.focused,
            more: datagram.more,
            first_event: datagram.first,
            sent_at: at.as_micros() + 5,
            buttons: datagram.buttons,
            sequence,
            pressed: datagram.pressed,
            events: &events,
            pads: datagram.pads,
            contacts: datagram.contacts,
        }
        .write(&mut bytes);
        self.receiver.handle_datagram(at, &bytes);
        self.drain()
            .into_iter()
            .map(|i| (i.id.get(), i.event.kind, i.cause))
            .collect()
    }

    fn timeout(&mut self, at: Timestamp) -> Vec<(u64, EventKind, Cause)> {
        self.receiver.handle_timeout(at);
        self.drain()
            .into_iter()
            .map(|i| (i.id.get(), i.event.kind, i.cause))
            .collect()
    }
}

#[test]
fn repeated_events_are_injected_once() {
    let mut bench = Bench::new();
    let first = bench.send(ms(1), carrying(1, &[KeyDown(W)]).holding(&[W]));
    assert_eq!(first, [(1, KeyDown(W), Cause::Player)]);
    let both = carrying(1, &[KeyDown(W), KeyUp(W)]);
    assert_eq!(bench.send(ms(2), both), [(2, KeyUp(W), Cause::Player)]);
    assert_eq!(bench.send(ms(3), both), []);
    assert_eq!(bench.receiver.stats().repeated, 3);
    assert_eq!(bench.receiver.acknowledged(), InputId::new(2));
}

#[test]
fn ids_wrap_on_the_wire_and_not_here() {
    let start = (7 << 32) - 2;
    let mut bench = Bench::after(start);
    let events = [KeyDown(W), KeyUp(W), KeyDown(SHIFT), KeyUp(SHIFT)];
    let first = (start + 1) as u32;
    let got = bench.send(ms(1), carrying(first, &events));
    let ids: Vec<_> = got.iter().map(|(id, ..)| *id).collect();
    assert_eq!(ids, [start + 1, start + 2, start + 3, start + 4]);
    assert_eq!(bench.receiver.poll_ack(ms(1)).unwrap().acknowledged, 2);
    assert_eq!(bench.send(ms(2), carrying(first, &events)), []);
}

#[test]
fn events_past_a_gap_are_dropped_and_the_ack_says_where_to_go_on() {
    let mut bench = Bench::after(40);
    assert_eq!(bench.send(ms(1), carrying(43, &[KeyDown(W)])), []);
    assert_eq!(bench.receiver.stats().gaps, 1);
    assert_eq!(bench.receiver.poll_ack(ms(1)).unwrap().acknowledged, 40);
    let events = [KeyDown(W)];
    let got = bench.send(ms(2), carrying(41, &events).holding(&[W]));
    assert_eq!(got, [(41, KeyDown(W), Cause::Player)]);
}

#[test]
fn a_press_of_what_is_down_is_a_second_press() {
    let mut bench = Bench::new();
    bench.send(ms(1), carrying(1, &[ButtonDown(1)]).buttons(1));
    // The page lost the focus and got it back; only this datagram came through.
    let got = bench.send(ms(9), carrying(2, &[ButtonDown(1)]).buttons(1));
    assert_eq!(
        got,
        [(0, ButtonUp(1), Cause::State), (2, ButtonDown(1), Cause::Player)]
    );
}

#[test]
fn unknown_events_are_skipped_and_acknowledged() {
    let mut bench = Bench::new();
    let events = [Unknown(99), Wheel { dx: 0, dy: 120 }, Unknown(0)];
    let got = bench.send(ms(1), carrying(1, &events));
    assert_eq!(got, [(2, Wheel { dx: 0, dy: 120 }, Cause::Player)]);
    assert_eq!(bench.receiver.poll_ack(ms(1)).unwrap().acknowledged, 3);
    assert_eq!(bench.receiver.stats().unknown, 2);
}

#[test]
fn keys_and_buttons_that_do_not_exist_are_skipped_and_acknowledged() {
    let mut bench = Bench::new();
    let events = [
        KeyDown(0),
        KeyDown(0x300),
        ButtonDown(0),
        ButtonDown(17),
        KeyUp(W),
        ButtonUp(1),
    ];
    assert_eq!(bench.send(ms(1), carrying(1, &events)), []);
    assert_eq!(bench.receiver.stats().void, 6);
    assert_eq!(bench.receiver.acknowledged(), InputId::new(6));
}

#[test]
fn what_the_newest_state_does_not_name_is_released() {
    let mut bench = Bench::new();
    let events = [KeyDown(SHIFT), KeyDown(W), ButtonDown(3)];
    bench.send(ms(1), carrying(1, &events).holding(&[SHIFT, W]).buttons(4));
    let got = bench.send(ms(2), carrying(4, &[]).holding(&[SHIFT]));
    assert_eq!(got, [(0, ButtonUp(3), Cause::State), (0, KeyUp(W), Cause::State)]);
    // The release itself comes after all: the app does not see it twice.
    let late = carrying(4, &[KeyUp(W)]).holding(&[SHIFT]);
    assert_eq!(bench.send(ms(3), late), []);
    assert_eq!(bench.receiver.stats().void, 1);
}

#[test]
fn the_state_alone_presses_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(ms(1), carrying(1, &[]).holding(&[W]).buttons(1)), []);
    assert!(!bench.receiver.is_holding());
}

#[test]
fn an_older_datagram_never_changes_the_state_not_even_over_the_wrap() {
    let mut bench = Bench::new();
    let down = [KeyDown(W)];
    let held = carrying(1, &down).holding(&[W]);
    bench.send_as(ms(1), 1, held);
    assert_eq!(bench.send_as(ms(2), u16::MAX, carrying(2, &[])), []);
    assert_eq!(bench.send_as(ms(3), 1, carrying(2, &[])), []);
    assert_eq!(bench.receiver.stats().stale, 2);
    let got = bench.send_as(ms(4), 2, carrying(2, &[]));
    assert_eq!(got, [(0, KeyUp(W), Cause::State)]);
    // 0 is newer than 65535.
    let mut bench = Bench::new();
    bench.send_as(ms(1), u16::MAX, held);
    let got = bench.send_as(ms(2), 0, carrying(2, &[]));
    assert_eq!(got, [(0, KeyUp(W), Cause::State)]);
}

#[test]
fn a_full_datagram_leaves_the_state_alone_because_it_may_be_ahead() {
    let mut bench = Bench::new();
    let mut events = vec![KeyDown(SHIFT)];
    events.resize(64, Wheel { dx: 0, dy: 1 });
    // The page has let go of shift already, in event 65.
    let got = bench.send(ms(1), carrying(1, &events));
    assert_eq!(got.len(), 64);
    assert!(bench.receiver.is_holding());
    let rest = carrying(65, &[KeyDown(30), KeyUp(SHIFT), KeyUp(30)]);
    let ids: Vec<_> = bench.send(ms(2), rest).iter().map(|(id, ..)| *id).collect();
    assert_eq!(ids, [65, 66, 67]);
}

#[test]
fn silence_releases_after_400_ms_and_the_state_presses_again() {
    let mut bench = Bench::new();
    let held = carrying(1, &[KeyDown(W)]).holding(&[W]).buttons(1);
    bench.send(ms(10), held);
    assert_eq!(bench.receiver.poll_timeout(), Some((ms(410), Reason::Silence)));
    assert_eq!(bench.timeout(ms(409)), []);
    assert_eq!(bench.timeout(ms(410)), [(0, KeyUp(W), Cause::Silence)]);
    assert_eq!(bench.receiver.poll_timeout(), None);
    let still = carrying(2, &[]).holding(&[W, SHIFT]);
    assert_eq!(bench.send(ms(500), still), [(0, KeyDown(W), Cause::Restored)]);
    assert_eq!(bench.receiver.poll_timeout(), Some((ms(900), Reason::Silence)));
}

#[test]
fn what_was_let_go_in_silence_stays_up() {
    let held = carrying(1, &[KeyDown(W)]).holding(&[W]);
    // By an event: down, up and down again during the silence end as one press.
    let mut bench = Bench::new();
    bench.send(ms(10), held);
    bench.timeout(ms(410));
    let events = [KeyUp(W), KeyDown(W)];
    let got = bench.send(ms(500), carrying(2, &events).holding(&[W]));
    assert_eq!(got, [(3, KeyDown(W), Cause::Player)]);
    // By the state.
    let mut bench = Bench::new();
    bench.send(ms(10), held);
    bench.timeout(ms(410));
    assert_eq!(bench.send(ms(500), carrying(2, &[])), []);
    assert_eq!(bench.send(ms(550), carrying(2, &[]).holding(&[W])), []);
}

#[test]
fn an_older_datagram_does_not_put_off_the_silence() {
    let mut bench = Bench::new();
    let held = carrying(1, &[KeyDown(W)]).holding(&[W]);
    bench.send_as(ms(10), 5, held);
    bench.send_as(ms(300), 4, held);
    assert_eq!(bench.receiver.poll_timeout(), Some((ms(410), Reason::Silence)));
}

#[test]
fn after_a_long_silence_any_sequence_is_the_newest() {
    let mut bench = Bench::new();
    let held = carrying(1, &[KeyDown(W)]).holding(&[W]);
    bench.send_as(ms(10), 100, held);
    bench.timeout(ms(410));
    let back = carrying(2, &[]).holding(&[W]);
    assert_eq!(bench.send_as(ms(9_000), 99, back), []);
    assert_eq!(
        bench.send_as(ms(10_011), 99, back),
        [(0, KeyDown(W), Cause::Restored)]
    );
}

#[test]
fn a_page_without_focus_holds_nothing_and_gets_nothing_back() {
    let mut bench = Bench::new();
    bench.send(ms(1), carrying(1, &[KeyDown(W)]).holding(&[W]));
    let away = carrying(2, &[]).holding(&[W]).unfocused();
    assert_eq!(bench.send(ms(2), away), [(0, KeyUp(W), Cause::Unfocused)]);
    let back = carrying(2, &[]).holding(&[W]);
    assert_eq!(bench.send(ms(3), back), []);
}

#[test]
fn leaving_releases_and_the_next_client_counts_on() {
    let mut bench = Bench::new();
    bench.send(ms(1), carrying(1, &[KeyDown(W)]).holding(&[W]));
    bench.receiver.detach(ms(2));
    let released: Vec<_> = bench.drain().iter().map(|i| (i.event.kind, i.cause)).collect();
    assert_eq!(released, [(KeyUp(W), Cause::Detached)]);
    // A datagram of the link that is gone.
    assert_eq!(bench.send(ms(3), carrying(2, &[KeyDown(W)])), []);
    assert_eq!(bench.receiver.stats().detached, 1);
    assert_eq!(bench.receiver.poll_ack(ms(3)), None);

    bench.receiver.attach(ms(4));
    let ack = bench.receiver.poll_ack(ms(5)).unwrap();
    assert_eq!((ack.acknowledged, ack.echo), (1, 0));
    // The new page counts its datagrams from anywhere; its state presses nothing that was held before.
    assert_eq!(bench.send_as(ms(6), 0, carrying(0, &[]).holding(&[W])), []);
    let ack = bench.receiver.poll_ack(ms(6)).unwrap();
    assert_eq!((ack.acknowledged, ack.echo), (1, 6_005));
    let got = bench.send_as(ms(7), 1, carrying(2, &[KeyDown(W)]).holding(&[W]));
    assert_eq!(got, [(2, KeyDown(W), Cause::Player)]);
}

#[test]
fn what_silence_released_is_not_given_to_the_next_client_nor_back_after_lost_focus() {
    let state = carrying(2, &[]).holding(&[W]);
    for unfocused in [true, false] {
        let mut bench = Bench::new();
        bench.send(ms(1), carrying(1, &[KeyDown(W)]).holding(&[W]));
        bench.timeout(ms(401));
        if unfocused {
            bench.send(ms(500), state.unfocused());
        } else {
            bench.receiver.attach(ms(500));
        }
        assert_eq!(bench.send(ms(501), state), []);
    }
}

#[test]
fn a_takeover_releases_what_the_one_before_held() {
    let mut bench = Bench::new();
    bench.send(ms(1), carrying(1, &[ButtonDown(1)]).buttons(1));
    bench.receiver.attach(ms(2));
    let released: Vec<_> = bench.drain().iter().map(|i| (i.event.kind, i.cause)).collect();
    assert_eq!(released, [(ButtonUp(1), Cause::Detached)]);
}

#[test]
fn an_ack_waits_for_the_injection_and_answers_several_datagrams() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.receiver.poll_ack(ms(0)),
        Some(InputAck {
            acknowledged: 0,
            at: 0,
            echo: 0
        })
    );
    assert_eq!(bench.receiver.poll_ack(ms(0)), None);
    bench.send(ms(1), carrying(1, &[KeyDown(W)]).holding(&[W]));
    bench.send(ms(2), carrying(1, &[KeyDown(W)]).holding(&[W]));
    let ack = bench.receiver.poll_ack(ms(3)).unwrap();
    assert_eq!(
        ack,
        InputAck {
            acknowledged: 1,
            at: 3_000,
            echo: 2_005
        }
    );
    // Nothing was injected since: the time stays.
    bench.send(ms(9), carrying(2, &[]).holding(&[W]));
    assert_eq!(bench.receiver.poll_ack(ms(9)).unwrap().at, 3_000);
}

#[test]
fn ten_thousand_datagrams_a_second_are_refused_past_the_limit_and_the_session_goes_on() {
    let mut bench = Bench::new();
    for n in 0..20_000u64 {
        let events = [MoveBy { dx: 1, dy: 0 }];
        let first = bench.receiver.acknowledged().next().low();
        let at = Timestamp::from_micros(n * 100);
        bench.send(at, carrying(first, &events));
    }
    let stats = bench.receiver.stats();
    assert_eq!(stats.datagrams, 20_000);
    let taken = stats.datagrams - stats.refused;
    assert!((2_200..=2_250).contains(&taken), "{stats:?}");
    let first = bench.receiver.acknowledged().next().low();
    let got = bench.send(ms(2_010), carrying(first, &[KeyDown(W)]).holding(&[W]));
    assert_eq!(got.last().map(|(_, kind, _)| *kind), Some(KeyDown(W)));
}

#[test]
fn a_flood_of_moves_is_merged_and_keys_go_through_in_order() {
    let mut bench = Bench::new();
    let (mut moved, mut downs, mut ups) = (0i64, 0, 0);
    let mut pressed = false;
    for n in 0..900u64 {
        let mut events = [MoveBy { dx: 1, dy: 0 }; 63];
        pressed = !pressed;
        *events.last_mut().unwrap() = if pressed { KeyDown(W) } else { KeyUp(W) };
        let held: &[u16] = if pressed { &[W] } else { &[] };
        let first = bench.receiver.acknowledged().next().low();
        let got = bench.send(ms(n), carrying(first, &events).holding(held));
        for (_, kind, _) in &got {
            match kind {
                MoveBy { dx, .. } => moved += i64::from(*dx),
                KeyDown(W) => downs += 1,
                KeyUp(W) => ups += 1,
                KeyDown(_)
                | KeyUp(_)
                | ButtonDown(_)
                | ButtonUp(_)
                | MoveTo { .. }
                | Wheel { .. }
                | EventKind::Pad(_)
                | EventKind::Touch(_)
                | EventKind::Text(_)
                | Unknown(_) => panic!("{kind:?}"),
            }
        }
        assert!(
            matches!(got.last(), Some((_, KeyDown(W) | KeyUp(W), Cause::Player))),
            "{got:?}"
        );
    }
    assert_eq!((downs, ups), (450, 450));
    assert_eq!(moved, 900 * 62, "merged is not lost");
    let stats = bench.receiver.stats();
    assert!(stats.injected < 2_000 + 900 * 2, "{stats:?}");
    assert!(stats.merged > 50_000, "{stats:?}");
}

#[test]
fn a_flood_of_keys_waits_at_the_client_and_loses_nothing() {
    let mut bench = Bench::new();
    let mut taken = 0u64;
    // Always the next 60 presses and releases in turn, whatever was acknowledged.
    for n in 0..1_000u64 {
        let events: Vec<_> = (taken..taken + 60)
            .map(|i| if i % 2 == 0 { KeyDown(W) } else { KeyUp(W) })
            .collect();
        let first = (taken + 1) as u32;
        for (id, kind, cause) in bench.send(ms(n), carrying(first, &events)) {
            if cause == Cause::Player {
                taken += 1;
                assert_eq!(id, taken);
                assert_eq!(kind == KeyDown(W), id % 2 == 1);
            }
        }
    }
    assert!((2_000..=2_600).contains(&taken), "{taken}");
    assert!(bench.receiver.stats().held_back > 900);
}

#[test]
fn a_place_that_was_merged_is_in_the_app_before_the_click() {
    let mut bench = Bench::new();
    for n in 0..9u32 {
        let events = [MoveTo { x: 1, y: 1 }; 63];
        bench.send(ms(1), carrying(n * 63 + 1, &events));
    }
    let events = [
        MoveTo { x: 7, y: 8 },
        MoveBy { dx: i16::MAX, dy: 1 },
        MoveBy { dx: 1, dy: 1 },
        ButtonDown(1),
    ];
    let got = bench.send(ms(1), carrying(9 * 63 + 1, &events).buttons(1));
    let kinds: Vec<_> = got.iter().map(|(_, kind, _)| *kind).collect();
    assert_eq!(
        kinds,
        [
            MoveTo { x: 7, y: 8 },
            MoveBy { dx: i16::MAX, dy: 2 },
            ButtonDown(1)
        ]
    );
}

#[test]
fn what_is_no_input_is_counted() {
    let mut bench = Bench::new();
    for bytes in [&[][..], &[0x18], &[0x28; 40], &[0x19; 60]] {
        bench.receiver.handle_datagram(ms(1), bytes);
    }
    assert_eq!(bench.receiver.stats().malformed, 4);
    let _ack = bench.receiver.poll_ack(ms(1));
    assert_eq!(
        bench.receiver.poll_ack(ms(1)),
        None,
        "malformed datagrams are not answered"
    );
}

#[test]
fn moves_put_off_by_the_limit_are_injected_when_there_is_room() {
    let mut bench = Bench::new();
    for n in 0..9u32 {
        let events = [MoveTo { x: n as u16, y: 1 }; 63];
        bench.send(ms(1), carrying(n * 63 + 1, &events));
    }
    let got = bench.send(ms(1) + Micros::from_millis(20), carrying(1, &[]));
    assert_eq!(got, [(9 * 63, MoveTo { x: 8, y: 1 }, Cause::Player)]);
}

const A: u32 = 1;
const B: u32 = 2;

/// The second pad with these buttons down, its left stick to the right.
fn pad(buttons: u32) -> Pad {
    Pad {
        pad: 1,
        plugged: true,
        triggers: [0, 200],
        buttons,
        sticks: [30_000, 0, 0, -5],
    }
}

/// A receiver that has the second pad with A down.
fn with_pad() -> Bench {
    let mut bench = Bench::new();
    let events = [EventKind::Pad(pad(A))];
    let got = bench.send(ms(1), carrying(1, &events).plugged(&[pad(A)]));
    assert_eq!(got, [(1, events[0], Cause::Player)]);
    bench
}

const RESTING: EventKind = EventKind::Pad(Pad::at_rest(1, true));
const GONE: EventKind = EventKind::Pad(Pad::at_rest(1, false));

#[test]
fn a_pad_s_events_come_once_in_order_and_its_state_says_nothing_new() {
    let mut bench = with_pad();
    let events = [
        EventKind::Pad(pad(A)),
        EventKind::Pad(pad(A | B)),
        EventKind::Pad(pad(B)),
    ];
    let got = bench.send(ms(2), carrying(1, &events).plugged(&[pad(B)]));
    assert_eq!(
        got,
        [(2, events[1], Cause::Player), (3, events[2], Cause::Player)]
    );
    assert!(bench.send(ms(3), carrying(4, &[]).plugged(&[pad(B)])).is_empty());
    assert_eq!(bench.receiver.stats().repeated, 1);
}

#[test]
fn a_pad_s_state_releases_what_it_does_not_name_and_presses_nothing() {
    let mut bench = with_pad();
    assert!(
        bench
            .send(ms(2), carrying(2, &[]).plugged(&[pad(A | B)]))
            .is_empty()
    );
    let got = bench.send(ms(3), carrying(2, &[]).plugged(&[pad(B)]));
    assert_eq!(got, [(0, EventKind::Pad(pad(0)), Cause::State)]);
    // Where sticks and triggers are is no press.
    let got = bench.send(ms(4), carrying(2, &[]).plugged(&[Pad::at_rest(1, true)]));
    assert_eq!(got, [(0, RESTING, Cause::State)]);
    assert!(!bench.receiver.is_holding());
}

#[test]
fn a_pad_that_the_state_does_not_name_is_unplugged_and_none_is_plugged_in_by_it() {
    let mut bench = with_pad();
    let other = Pad { pad: 0, ..pad(A) };
    let got = bench.send(ms(2), carrying(2, &[]).plugged(&[other]));
    assert_eq!(got, [(0, GONE, Cause::State)]);
    // A client that knows of no pads has none.
    assert!(bench.send(ms(3), carrying(2, &[])).is_empty());
}

#[test]
fn silence_puts_a_pad_to_rest_and_the_next_state_gives_it_back() {
    let mut bench = with_pad();
    assert_eq!(bench.receiver.poll_timeout(), Some((ms(401), Reason::Silence)));
    assert_eq!(bench.timeout(ms(401)), [(0, RESTING, Cause::Silence)]);
    assert_eq!(bench.receiver.poll_timeout(), None);
    let got = bench.send(ms(500), carrying(2, &[]).plugged(&[pad(A | B)]));
    assert_eq!(got, [(0, EventKind::Pad(pad(A)), Cause::Restored)]);
}

#[test]
fn a_page_without_focus_holds_no_pad() {
    let mut bench = with_pad();
    let got = bench.send(ms(2), carrying(2, &[]).plugged(&[pad(A)]).unfocused());
    assert_eq!(got, [(0, RESTING, Cause::Unfocused)]);
    assert!(
        bench
            .send(ms(3), carrying(2, &[]).plugged(&[pad(A)]).unfocused())
            .is_empty()
    );
    // With the focus again, it is for an event to press.
    let got = bench.send(ms(4), carrying(2, &[]).plugged(&[pad(A)]));
    let moved = EventKind::Pad(pad(0));
    assert_eq!(got, [(0, moved, Cause::State)], "the stick, not the button");
}

#[test]
fn a_detached_client_s_pad_rests_and_stays_plugged_in_until_the_next_client_has_none() {
    let mut bench = with_pad();
    bench.receiver.detach(ms(2));
    let got: Vec<_> = bench
        .drain()
        .into_iter()
        .map(|i| (i.event.kind, i.cause))
        .collect();
    assert_eq!(got, [(RESTING, Cause::Detached)]);
    bench.receiver.attach(ms(3));
    assert!(bench.drain().is_empty());
    assert!(
        bench
            .send(ms(4), carrying(0, &[]).plugged(&[Pad::at_rest(1, true)]))
            .is_empty()
    );
    assert_eq!(bench.send(ms(5), carrying(2, &[])), [(0, GONE, Cause::State)]);
}

#[test]
fn a_state_that_is_ahead_of_its_events_is_not_applied() {
    let mut bench = with_pad();
    let got = bench.send(ms(2), carrying(2, &[]).plugged(&[pad(0)]).with_more_behind());
    assert!(got.is_empty());
    assert_eq!(bench.send(ms(3), carrying(2, &[]).plugged(&[pad(0)])).len(), 1);
}

#[test]
fn a_pad_that_does_not_exist_and_one_that_is_so_already_are_acknowledged_and_void() {
    let mut bench = with_pad();
    let fifth = Pad { pad: 4, ..pad(A) };
    let events = [
        EventKind::Pad(fifth),
        EventKind::Pad(pad(A)),
        EventKind::Pad(Pad::at_rest(0, false)),
    ];
    assert!(
        bench
            .send(ms(2), carrying(2, &events).plugged(&[pad(A)]))
            .is_empty()
    );
    assert_eq!(bench.receiver.stats().void, 3);
    assert_eq!(bench.receiver.acknowledged(), InputId::new(4));
}

const fn finger(contact: u8, phase: Phase, x: u16) -> EventKind {
    EventKind::Touch(Touch {
        contact,
        phase,
        x,
        y: 7,
    })
}

const CANCEL: EventKind = EventKind::Touch(Touch::CANCEL);

/// A receiver that has fingers 0 and 1 on the screen.
fn with_fingers() -> Bench {
    let mut bench = Bench::new();
    let events = [finger(0, Phase::Down, 1), finger(1, Phase::Down, 2)];
    let got = bench.send(ms(1), carrying(1, &events).touching(0b11));
    assert_eq!(
        got,
        [(1, events[0], Cause::Player), (2, events[1], Cause::Player)]
    );
    bench
}

#[test]
fn fingers_come_move_and_go_each_by_itself() {
    let mut bench = with_fingers();
    let events = [
        finger(1, Phase::Move, 3),
        finger(0, Phase::Up, 0),
        finger(0, Phase::Move, 9),
        finger(10, Phase::Down, 9),
    ];
    let got = bench.send(ms(2), carrying(3, &events).touching(0b10));
    assert_eq!(
        got,
        [(3, events[0], Cause::Player), (4, events[1], Cause::Player)]
    );
    assert_eq!(bench.receiver.stats().void, 2, "of no finger that is there");
    assert!(bench.receiver.is_holding());
}

#[test]
fn a_finger_that_the_state_does_not_name_ends_the_gesture_and_none_comes_by_it() {
    let mut bench = with_fingers();
    assert!(bench.send(ms(2), carrying(3, &[]).touching(0b111)).is_empty());
    assert_eq!(
        bench.send(ms(3), carrying(3, &[]).touching(0b01)),
        [(0, CANCEL, Cause::State)]
    );
    assert!(!bench.receiver.is_holding());
    assert!(bench.send(ms(4), carrying(3, &[]).touching(0b01)).is_empty());
}

#[test]
fn silence_a_lost_focus_and_a_detach_leave_no_finger_on_the_screen() {
    let mut bench = with_fingers();
    assert_eq!(bench.timeout(ms(401)), [(0, CANCEL, Cause::Silence)]);
    assert!(bench.send(ms(500), carrying(3, &[]).touching(0b11)).is_empty());

    let mut bench = with_fingers();
    let got = bench.send(ms(2), carrying(3, &[]).touching(0b11).unfocused());
    assert_eq!(got, [(0, CANCEL, Cause::Unfocused)]);

    let mut bench = with_fingers();
    bench.receiver.detach(ms(2));
    let got: Vec<_> = bench.drain().into_iter().map(|i| i.event.kind).collect();
    assert_eq!(got, [CANCEL]);
}

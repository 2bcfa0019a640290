//! Keys from a page to the app, and their acknowledgements back.

use crate::meter::{Meter, Op};
use firstlight_proto::input::{InputReceiver, InputSender};
use firstlight_units::{InputId, Micros, Timestamp};
use firstlight_wire::{EventKind, InputAck};

/// Presses and releases a key so many times after a warm-up. Returns how many events were injected.
pub fn play_input(meter: &mut Meter, events: u64) -> u64 {
    let mut now = Timestamp::from_micros(1_000_000);
    let mut sender = InputSender::new(1);
    sender.attach();
    let mut receiver = InputReceiver::new(InputId::new(0));
    receiver.attach(now);
    let mut out = Vec::with_capacity(2_048);
    let mut injected = 0;
    for n in 0..WARM_UP + events {
        if n == WARM_UP {
            meter.start();
            injected = 0;
        }
        // Fast typing; slower than what the receiver takes for a flood.
        now += Micros::from_millis(10);
        let kind = if n % 2 == 0 {
            EventKind::KeyDown(30)
        } else {
            EventKind::KeyUp(30)
        };
        injected += meter.run(
            Op::Input,
            || once(&mut sender, &mut receiver, (now, kind), &mut out),
            |_| true,
        );
    }
    injected
}

fn once(
    sender: &mut InputSender,
    receiver: &mut InputReceiver,
    (now, kind): (Timestamp, EventKind),
    out: &mut Vec<u8>,
) -> u64 {
    let mut injected = 0;
    sender.push(now, kind);
    // It appends.
    out.clear();
    while sender.poll_transmit(now, out) {
        receiver.handle_datagram(now, out);
        while receiver.poll_injection().is_some() {
            injected += 1;
        }
        if let Some(ack) = receiver.poll_ack(now)
            && let Ok(ack) = InputAck::parse(&ack.to_bytes())
        {
            sender.handle_ack(ack);
        }
        out.clear();
    }
    injected
}

const WARM_UP: u64 = 200;

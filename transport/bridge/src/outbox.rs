//! What waits for the player's side to take it. Pure: time is a parameter.

use bytes::Bytes;
use firstlight_wire::Kind;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A queue that forgets: control messages are kept, datagrams grow stale.
#[derive(Debug, Default)]
pub struct Outbox {
    control: VecDeque<Vec<u8>>,
    /// Sound, acknowledgements, clocks: small, and worth the most when young.
    urgent: VecDeque<(Instant, Bytes)>,
    /// Pictures.
    bulk: VecDeque<(Instant, Bytes)>,
    bulk_bytes: usize,
}

/// What is to be sent next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A control message.
    Control(Vec<u8>),
    /// A datagram.
    Datagram(Bytes),
}

/// How many datagrams were given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Dropped(pub u64);

impl Outbox {
    /// Takes a datagram; the oldest make room for it.
    pub fn push(&mut self, now: Instant, datagram: Bytes) -> Dropped {
        let mut dropped = Dropped(0);
        // What is sealed says what it is in its second byte (docs/PROTOCOL.md, section 8).
        let kind = match Kind::of(&datagram) {
            Ok(Kind::Sealed) => Kind::of(datagram.get(1..).unwrap_or_default()),
            other => other,
        };
        if matches!(kind, Ok(Kind::Audio | Kind::ClockReply | Kind::InputAck)) {
            if self.urgent.len() >= URGENT_MAX {
                self.urgent.pop_front();
                dropped.0 += 1;
            }
            self.urgent.push_back((now, datagram));
            return dropped;
        }
        self.bulk_bytes += datagram.len();
        self.bulk.push_back((now, datagram));
        while self.bulk_bytes > BULK_BYTES_MAX {
            self.drop_bulk();
            dropped.0 += 1;
        }
        dropped
    }

    /// Takes a control message; only where [`Self::has_room_for_control`].
    pub fn push_control(&mut self, message: Vec<u8>) {
        self.control.push_back(message);
    }

    /// Whether another control message is taken; the host waits until there is.
    #[must_use]
    pub fn has_room_for_control(&self) -> bool {
        self.control.len() < CONTROL_MAX
    }

    /// What to send next: control first, then what is urgent, then pictures; what is too old to be shown is given up.
    pub fn pop(&mut self, now: Instant) -> (Option<Outgoing>, Dropped) {
        if let Some(message) = self.control.pop_front() {
            return (Some(Outgoing::Control(message)), Dropped(0));
        }
        let mut dropped = Dropped(0);
        let is_stale = |queued: &(Instant, Bytes)| now.saturating_duration_since(queued.0) > AGE_MAX;
        while self.urgent.front().is_some_and(is_stale) {
            self.urgent.pop_front();
            dropped.0 += 1;
        }
        if let Some((_, datagram)) = self.urgent.pop_front() {
            return (Some(Outgoing::Datagram(datagram)), dropped);
        }
        while self.bulk.front().is_some_and(is_stale) {
            self.drop_bulk();
            dropped.0 += 1;
        }
        (self.drop_bulk().map(Outgoing::Datagram), dropped)
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.control.is_empty() && self.urgent.is_empty() && self.bulk.is_empty()
    }

    fn drop_bulk(&mut self) -> Option<Bytes> {
        let (_, datagram) = self.bulk.pop_front()?;
        self.bulk_bytes -= datagram.len();
        Some(datagram)
    }
}

/// A picture that waited longer is worth less than the one after it, and the host's rule must hear of the queue soon.
const AGE_MAX: Duration = Duration::from_millis(100);
/// 100 ms at 20 Mbit/s.
const BULK_BYTES_MAX: usize = 256 << 10;
/// A second of sound, and acknowledgements beside it.
const URGENT_MAX: usize = 128;
/// A cursor's shapes; the stream from the host has a window of its own behind it.
const CONTROL_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn video(size: usize) -> Bytes {
        let mut datagram = vec![0; size];
        datagram[0] = Kind::Video.first_byte();
        datagram.into()
    }

    #[test]
    fn pictures_that_grew_old_are_dropped_and_sound_goes_first() {
        let start = Instant::now();
        let mut outbox = Outbox::default();
        for _ in 0..3 {
            assert_eq!(outbox.push(start, video(100)), Dropped(0));
        }
        let later = start + AGE_MAX + Duration::from_millis(1);
        let sound = Bytes::from(vec![Kind::Audio.first_byte()]);
        assert_eq!(outbox.push(later, sound.clone()), Dropped(0));
        assert_eq!(outbox.push(later, video(50)), Dropped(0));
        outbox.push_control(vec![1]);
        assert_eq!(outbox.pop(later).0, Some(Outgoing::Control(vec![1])));
        assert_eq!(outbox.pop(later), (Some(Outgoing::Datagram(sound)), Dropped(0)));
        assert_eq!(
            outbox.pop(later),
            (Some(Outgoing::Datagram(video(50))), Dropped(3))
        );
        assert_eq!(outbox.pop(later), (None, Dropped(0)));
    }

    #[test]
    fn it_never_holds_more_than_its_bound() {
        let start = Instant::now();
        let mut outbox = Outbox::default();
        let mut dropped = 0;
        for _ in 0..1_000 {
            dropped += outbox.push(start, video(1_200)).0;
        }
        assert!(outbox.bulk_bytes <= BULK_BYTES_MAX && dropped > 700);
        assert!(!outbox.is_empty());
    }
}

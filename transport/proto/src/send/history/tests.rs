use super::*;

fn push(history: &mut History, now: Timestamp, frame: u64, nals: &[u8]) {
    let unit = VideoUnit {
        frame: FrameId::new(frame),
        reference: FrameId::new(frame.saturating_sub(1)),
        captured_at: now,
        idr: frame == 1,
        recovery: false,
        still: false,
        unit: 0,
        last: true,
        trace: None,
        nals,
    };
    assert_eq!(history.push(now, &unit, |_| 0), Ok(0));
}

fn send_all(history: &mut History, now: Timestamp) {
    while history.take_next(now).is_some() {}
}

fn id(frame: u64) -> FragmentId {
    FragmentId {
        frame: FrameId::new(frame),
        unit: 0,
        fragment: 0,
    }
}

fn memory(history: &History) -> usize {
    let slots = history.slots.iter().chain(&history.spare);
    slots.map(|slot| slot.bytes.capacity()).sum()
}

#[test]
fn what_a_client_has_decoded_gives_its_memory_to_what_comes() {
    let mut history = History::new();
    history.set_datagram_max(1_200);
    let nals = vec![7; 20_000];
    let mut now = Timestamp::from_micros(1_000_000);
    for frame in 1..=200 {
        push(&mut history, now, frame, &nals);
        send_all(&mut history, now);
        now += Micros::from_millis(16);
        // Two frames behind, as a client at 40 ms is.
        history.release(FrameId::new(frame.saturating_sub(2)));
    }
    assert!(memory(&history) <= 4 * 21 * 1_024, "{} bytes", memory(&history));
    let rtt = Micros::from_millis(10);
    assert!(!history.claim_repeat(now, rtt, id(198), |_| true), "decoded");
    assert!(history.claim_repeat(now, rtt, id(199), |_| true), "not decoded");
    assert_eq!(
        history
            .take_again(now, id(199))
            .map(|packet| packet.payload.len() > 1_000),
        Some(true)
    );
}

#[test]
fn what_waits_is_sent_whatever_a_client_says_it_has_decoded() {
    let mut history = History::new();
    history.set_datagram_max(1_200);
    let now = Timestamp::from_micros(1_000_000);
    push(&mut history, now, 1, &[1; 5_000]);
    push(&mut history, now, 2, &[2; 5_000]);
    history.release(FrameId::new(2));
    let mut sent = 0;
    while let Some(packet) = history.take_next(now) {
        sent += packet.payload.len();
    }
    assert_eq!(sent, 2 * 5_001);
    assert_eq!(history.queued(), ByteCount::ZERO);
    history.release(FrameId::new(2));
    assert_eq!(history.fragments(FrameId::new(2), 0), None);
}

//! In the steady state no call of the hot path allocates, but for what restores a lost packet from parity.
//!
//! One test, since all tests of a program share its allocator.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_bench_micro::{Counting, Line, Meter, Op, allocations, play_input, play_media};

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn no_call_allocates_in_the_steady_state() {
    let before = allocations();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(allocations(), before + 1, "they are counted at all");
    for lose_every in [0, 50] {
        let mut meter = Meter::default();
        let delivered = play_media(&mut meter, Line { lose_every }, 10);
        assert!(delivered > 550, "{delivered} of 600 pictures came");
        assert!(meter.packets > 8_000, "{}", meter.packets);
        for op in Op::ALL.into_iter().filter(|op| *op != Op::Input) {
            let taken = meter.taken(op);
            assert!(taken.calls > 0, "{op:?}");
            // Restoring a unit from parity takes a few, in the Reed-Solomon library and for it.
            let restoring = lose_every > 0 && op == Op::HandleDatagram;
            let allowed = if restoring {
                4 * meter.packets / lose_every
            } else {
                0
            };
            assert!(
                taken.allocations <= allowed,
                "{op:?}: {} in {} calls, one packet in {lose_every} lost",
                taken.allocations,
                taken.calls
            );
        }
    }
    let mut meter = Meter::default();
    let injected = play_input(&mut meter, 1_000);
    assert_eq!(injected, 1_000);
    assert_eq!(meter.taken(Op::Input).allocations, 0);
}

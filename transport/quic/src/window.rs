//! A congestion controller that never holds anything back.
//!
//! The rate rule, the pacer and the bound on what is in flight live in `firstlight-proto`, which sees arrival times and
//! frames; quinn sees neither. A window over `u32::MAX` also switches quinn's own pacer off (quinn-proto 0.11,
//! `connection/pacing.rs`).

use quinn::congestion::{Controller, ControllerFactory};
use quinn_proto::RttEstimator;
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

#[derive(Clone, Debug)]
pub(crate) struct WideOpen;

const WINDOW: u64 = 1 << 40;

impl Controller for WideOpen {
    fn on_ack(
        &mut self,
        _now: Instant,
        _sent: Instant,
        _bytes: u64,
        _app_limited: bool,
        _rtt: &RttEstimator,
    ) {
    }

    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, _persistent: bool, _lost_bytes: u64) {}

    fn on_mtu_update(&mut self, _new_mtu: u16) {}

    fn window(&self) -> u64 {
        WINDOW
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        WINDOW
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[derive(Debug)]
pub(crate) struct WideOpenFactory;

impl ControllerFactory for WideOpenFactory {
    fn build(self: Arc<Self>, _now: Instant, _current_mtu: u16) -> Box<dyn Controller> {
        Box::new(WideOpen)
    }
}

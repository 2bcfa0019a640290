//! What comes in over the bus: whether it is let in.

use crate::inner::{Inner, wall_now};
use firstlight_fleet::Message;
use firstlight_fleet::messages::{Channel, Opened, Refusal};
use firstlight_units::HostId;

/// Opens what the host of its subject sealed. Nobody who places a player waits while a signature is checked.
pub(crate) fn open(inner: &Inner, message: &Message, channel: Channel) -> Result<Opened, Refusal> {
    let named = message.subject.rsplit('.').next();
    let expected = named.and_then(|id| id.parse::<HostId>().ok());
    let now = wall_now();
    let looked = inner
        .state()
        .guard
        .look(channel, expected.as_ref(), &message.body, now)?;
    let proven = looked.prove();
    inner.state().guard.take(proven, now)
}

/// Counts what was found in the content.
pub(crate) fn refuse(inner: &Inner, refusal: &Refusal) {
    inner.state().guard.count(refusal);
    refused(refusal);
}

/// Tells of what the guard has counted.
pub(crate) fn refused(refusal: &Refusal) {
    tracing::debug!(%refusal, "a message is not taken");
    firstlight_telemetry::message_refused(refusal.word());
}

/// Tells of a message that there was no room for.
pub(crate) fn lost(subject: &str) {
    tracing::debug!(subject, "a message is lost: too many wait");
    firstlight_telemetry::message_refused("busy");
}

/// Whether the roster has it: it may have joined through another cell.
pub(crate) async fn is_member(inner: &Inner, host: &HostId) -> bool {
    let member = inner.roster.member(host).await;
    matches!(member, Ok(Some(member)) if !member.expelled)
}

//! How a session ends, in words for whoever asks.

use super::{Sources, Worker};
use crate::Error;
use crate::lifecycle::Action;
use crate::shared::Mode;
use firstlight_container::{Exit, Part};
use firstlight_link::{End, Report};
use firstlight_units::{Micros, Timestamp};

/// Why the session is over, for the operator.
#[derive(Debug)]
pub(super) struct Ending {
    reason: End,
    detail: String,
    exit: Option<Exit>,
}

impl Worker {
    /// The session is over, unless it is already.
    pub(super) fn end(&mut self, reason: End, detail: String, exit: Option<Exit>) {
        if let Some(Action::End(reason)) = self.life.end(reason) {
            self.end_with(reason, detail, exit);
        }
    }

    pub(super) fn end_with(&mut self, reason: End, detail: String, exit: Option<Exit>) {
        tracing::info!(?reason, detail, "the session ends");
        self.ending = Some(Ending { reason, detail, exit });
    }

    /// A thread failed. Where a part of the container died, that is the cause, and its last words say more.
    pub(super) fn on_fault(&mut self, error: &Error) {
        match self.parts.container.poll_exit() {
            Some(exit) => self.on_exit(exit),
            None => self.end(End::EngineFault, error.chain(), None),
        }
    }

    pub(super) fn look_for_exit(&mut self, now: Timestamp) {
        if now < self.exit_look {
            return;
        }
        let every = if self.player.is_some() { LOOK } else { LOOK_IDLE };
        self.exit_look = now + every;
        if let Some(exit) = self.parts.container.poll_exit() {
            self.on_exit(exit);
        }
    }

    fn on_exit(&mut self, exit: Exit) {
        let (reason, detail) = words(&exit);
        self.end(reason, detail, Some(exit));
    }

    /// Tells everybody, ends everything, and is quick about it.
    pub(super) async fn finish(mut self, sources: Sources) {
        let Some(Ending { reason, detail, exit }) = self.ending.take() else {
            return;
        };
        self.set_mode(Mode::Quit);
        let farewell = self.farewell(reason);
        let container = self.parts.container;
        let stopping = tokio::task::spawn_blocking(move || container.stop());
        if let Some(farewell) = farewell {
            farewell.await;
        }
        let Sources { listener, .. } = sources;
        listener.close().await;
        let stopped = match stopping.await {
            Ok(stopped) => Some(stopped),
            Err(error) => {
                tracing::error!(%error, "the container did not stop in order");
                None
            }
        };
        // What ended the session explains it; how it ended when it was told to does not.
        let exit_code = exit.as_ref().and_then(|exit| exit.code);
        let tail = exit.or(stopped).map(|exit| exit.tail).unwrap_or_default();
        self.parts.reports.send(Report::Ended {
            reason,
            detail,
            exit_code,
            tail,
        });
    }
}

fn words(exit: &Exit) -> (End, String) {
    let how = match (exit.code, exit.signal) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    match exit.who {
        Part::App if exit.code == Some(0) => (End::TitleExited, format!("the title {how}")),
        Part::App => (End::TitleCrashed, format!("the title {how}")),
        Part::Display => (End::EngineFault, format!("the display {how}")),
        Part::Sound => (End::EngineFault, format!("the sound server {how}")),
    }
}

/// How soon a player learns that the game is gone.
const LOOK: Micros = Micros::from_millis(50);
/// With nobody there, and the app frozen most of the time.
const LOOK_IDLE: Micros = Micros::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(who: Part, code: Option<i32>, signal: Option<i32>) -> Exit {
        Exit {
            code,
            signal,
            who,
            tail: Vec::new(),
        }
    }

    #[test]
    fn an_orderly_exit_is_no_crash_and_a_dead_display_no_fault_of_the_title() {
        assert_eq!(words(&exit(Part::App, Some(0), None)).0, End::TitleExited);
        let (reason, detail) = words(&exit(Part::App, Some(3), None));
        assert_eq!(
            (reason, detail.as_str()),
            (End::TitleCrashed, "the title exited with code 3")
        );
        assert_eq!(
            words(&exit(Part::App, None, Some(9))).1,
            "the title was killed by signal 9"
        );
        assert_eq!(words(&exit(Part::Display, None, Some(9))).0, End::EngineFault);
    }
}

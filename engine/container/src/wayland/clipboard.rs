//! The clipboard of Wayland clients: which of them copied something, and what they find that the player or an X program copied.
//!
//! Clients copy and paste among themselves; what leaves them, or comes to them, goes through pipes that the clipboard reads and writes in a
//! thread of its own. The compositor waits for none of them.

use super::state::State;
use crate::clipboard::Board;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;
use smithay::input::Seat;
use smithay::wayland::selection::data_device::{
    request_data_device_client_selection, set_data_device_selection,
};
use smithay::wayland::selection::{SelectionHandler, SelectionSource, SelectionTarget};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A client's text that was not asked for yet, by the kind that it was offered as.
#[derive(Debug)]
pub(super) struct Copied {
    board: Board,
    kind: Option<String>,
}

impl Copied {
    pub(super) fn new(board: Board) -> Self {
        Self { board, kind: None }
    }
}

impl SelectionHandler for State {
    /// What is on the clipboard and is no client's.
    type SelectionUserData = Arc<str>;

    fn new_selection(&mut self, target: SelectionTarget, source: Option<SelectionSource>, _seat: Seat<Self>) {
        // It can be asked for when the library has made it the clipboard, which it is about to.
        if target == SelectionTarget::Clipboard {
            self.copied.kind = source.and_then(|source| best(&source.mime_types()));
        }
    }

    fn send_selection(
        &mut self,
        _target: SelectionTarget,
        _kind: String,
        pipe: OwnedFd,
        _seat: Seat<Self>,
        text: &Arc<str>,
    ) {
        self.copied.board.ask(pipe, Arc::clone(text));
    }
}

impl State {
    /// Asks the client that copied something for it, where anybody wants to know.
    pub(super) fn ask_for_copied(&mut self) {
        let Some(kind) = self.copied.kind.take().filter(|_| self.copied.board.is_open()) else {
            return;
        };
        // The client writes as it likes; we do not wait for it.
        let pipe = pipe2(OFlag::O_CLOEXEC).and_then(|(ours, theirs)| {
            fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            Ok((ours, theirs))
        });
        let (ours, theirs) = match pipe {
            Ok(ends) => ends,
            Err(error) => {
                tracing::warn!(%error, "a client's text cannot be taken");
                return;
            }
        };
        match request_data_device_client_selection(&self.seat, kind, theirs) {
            Ok(()) => self.copied.board.offer(ours),
            // It was gone before it was asked.
            Err(error) => tracing::debug!(%error, "a client's text cannot be taken"),
        }
    }

    /// Clients find this on the clipboard from here on.
    pub(super) fn set_clipboard(&mut self, text: Arc<str>) {
        self.copied.kind = None;
        let kinds = KINDS.map(str::to_owned).to_vec();
        set_data_device_selection(&self.display, &self.seat, kinds, text);
    }
}

/// The kind to ask for, if there is text among them.
fn best(offered: &[String]) -> Option<String> {
    KINDS
        .into_iter()
        .find(|kind| offered.iter().any(|offered| offered == kind))
        .map(str::to_owned)
}

/// What programs call UTF-8, surest first.
const KINDS: [&str; 4] = ["text/plain;charset=utf-8", "UTF8_STRING", "text/plain", "TEXT"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_kind_of_text_is_asked_for() {
        let offered = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>();
        let both = offered(&["text/html", "text/plain", "text/plain;charset=utf-8"]);
        assert_eq!(best(&both).as_deref(), Some("text/plain;charset=utf-8"));
        assert_eq!(best(&offered(&["image/png"])), None);
    }
}

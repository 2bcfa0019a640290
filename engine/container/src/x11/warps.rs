//! Requests by which apps move the pointer (`WarpPointer`, `XIWarpPointer`), seen by way of the RECORD extension.

use super::address::{Address, Connection};
use crate::{Error, clock};
use nix::poll::{PollFd, PollFlags};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::protocol::record::{self, ConnectionExt as _};
use x11rb::protocol::xinput;
use x11rb::protocol::xproto::WARP_POINTER_REQUEST;

/// Tells when an app asked the server to move the pointer.
///
/// RECORD sends every recorded request down a connection that is good for nothing else: one reply after another to a single
/// request, which is why the socket is read beside the protocol library.
#[derive(Debug)]
pub(crate) struct Warps {
    socket: UnixStream,
    items: Items,
    /// Keeps the recording alive.
    _connection: Connection,
}

impl Warps {
    pub(crate) fn open(address: &Address) -> Result<Self, Error> {
        let connection = address.connect()?;
        connection.record_query_version(1, 13)?.reply()?;
        let mut ranges = vec![record::Range {
            core_requests: record::Range8 {
                first: WARP_POINTER_REQUEST,
                last: WARP_POINTER_REQUEST,
            },
            ..record::Range::default()
        }];
        if let Some(input) = connection.extension_information(xinput::X11_EXTENSION_NAME)? {
            let minor = u16::from(xinput::XI_WARP_POINTER_REQUEST);
            ranges.push(record::Range {
                ext_requests: record::ExtRange {
                    major: record::Range8 {
                        first: input.major_opcode,
                        last: input.major_opcode,
                    },
                    minor: record::Range16 {
                        first: minor,
                        last: minor,
                    },
                },
                ..record::Range::default()
            });
        }
        let context = connection.generate_id()?;
        let everybody = [record::CS::ALL_CLIENTS.into()];
        connection
            .record_create_context(context, 0, &everybody, &ranges)?
            .check()?;
        // The replies are left to `take`, which reads them as bytes.
        drop(record::enable_context(&connection, context)?);
        connection.flush()?;
        let socket = connection
            .stream()
            .as_fd()
            .try_clone_to_owned()
            .map_err(Error::system("dup"))?;
        let mut warps = Self {
            socket: UnixStream::from(socket),
            items: Items::default(),
            _connection: connection,
        };
        warps.started()?;
        Ok(warps)
    }

    /// Waits until the server says that the recording runs: no warp after this is missed.
    fn started(&mut self) -> Result<(), Error> {
        while !self.read(Item::Start)? {
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            clock::wait_ready(&mut fds, None).map_err(Error::system("poll"))?;
        }
        Ok(())
    }

    /// Whether an app has moved the pointer since the last time.
    pub(crate) fn take(&mut self) -> Result<bool, Error> {
        self.read(Item::Request)
    }

    /// Reads what is there; whether `wanted` was in it.
    fn read(&mut self, wanted: Item) -> Result<bool, Error> {
        let mut found = false;
        let mut buffer = [0; 4096];
        loop {
            // The protocol library has made the socket non-blocking.
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(closed()),
                Ok(n) => self.items.read(buffer.get(..n).unwrap_or_default(), |item| {
                    found |= item == wanted
                }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(found),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::System { what: "read", source }),
            }
        }
    }
}

impl AsFd for Warps {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What a server says on the recording's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// The recording runs.
    Start,
    /// A request that is recorded.
    Request,
    /// Anything else. Not all of it belongs to the recording: `MappingNotify` goes to every connection, as when the first
    /// key is injected after another keyboard's.
    Other,
}

/// Divides the server's bytes into items, whichever way they are cut.
#[derive(Debug, Default)]
struct Items {
    head: [u8; HEAD_BYTES],
    filled: usize,
    /// Bytes of the present item that follow its head.
    rest: usize,
}

impl Items {
    fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(Item)) {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let room = self.head.get_mut(self.filled..).unwrap_or_default();
            let taken = room.len().min(bytes.len());
            let (head, after) = bytes.split_at(taken);
            room.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
            self.filled += taken;
            bytes = after;
            if self.filled == HEAD_BYTES {
                self.filled = 0;
                let (item, rest) = item(&self.head);
                self.rest = rest;
                each(item);
            }
        }
    }
}

/// What an item's head says: what it is, and how many bytes follow (X11 protocol, "Message formats"; RECORD 1.13, `EnableContext`).
fn item(head: &[u8; HEAD_BYTES]) -> (Item, usize) {
    let [kind, category, _, _, a, b, c, d, ..] = *head;
    let words = usize::try_from(u32::from_ne_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    let item = match (kind, category) {
        (REPLY, FROM_CLIENT) => Item::Request,
        (REPLY, START_OF_DATA) => Item::Start,
        _ => Item::Other,
    };
    let long = matches!(kind, REPLY | GENERIC_EVENT);
    (item, if long { words.saturating_mul(4) } else { 0 })
}

fn closed() -> Error {
    Error::System {
        what: "read",
        source: io::ErrorKind::UnexpectedEof.into(),
    }
}

/// What every reply, event and error begins with, and most consist of.
const HEAD_BYTES: usize = 32;
const REPLY: u8 = 1;
/// The one event that may be longer than its head.
const GENERIC_EVENT: u8 = 35;
/// RECORD's categories.
const FROM_CLIENT: u8 = 1;
const START_OF_DATA: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(kind: u8, category: u8, words: u32) -> Vec<u8> {
        let mut head = vec![kind, category, 0, 0];
        head.extend(words.to_ne_bytes());
        head.resize(HEAD_BYTES, 0xaa);
        head
    }

    #[test]
    fn only_recorded_requests_are_warps_however_the_bytes_are_cut() {
        let said = [
            head(REPLY, START_OF_DATA, 0),
            // MappingNotify: a length would stand where it has other things.
            head(34, 0, 7),
            head(REPLY, FROM_CLIENT, 6),
            vec![REPLY; 24],
            head(GENERIC_EVENT, FROM_CLIENT, 1),
            vec![REPLY; 4],
            head(REPLY, FROM_CLIENT, 0),
        ]
        .concat();
        let expected = [
            Item::Start,
            Item::Other,
            Item::Request,
            Item::Other,
            Item::Request,
        ];
        for size in 1..=said.len() {
            let (mut items, mut seen) = (Items::default(), Vec::new());
            for piece in said.chunks(size) {
                items.read(piece, |item| seen.push(item));
            }
            assert_eq!(seen, expected, "in pieces of {size}");
        }
    }
}

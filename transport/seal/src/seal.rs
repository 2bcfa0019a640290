//! Sealing and opening.

use crate::window::Window;
use crate::{AttachmentId, Error, Keypair, PublicKey};
use firstlight_wire::Kind;
use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use std::fmt;
use std::ops::Range;

/// Who this end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The engine.
    Host,
    /// The client.
    Player,
}

/// What one end of one attachment seals and opens.
pub struct Seal {
    seal_datagram: LessSafeKey,
    seal_control: LessSafeKey,
    open_datagram: LessSafeKey,
    open_control: LessSafeKey,
    sealed_datagrams: u64,
    sealed_control: u64,
    datagrams: Window,
    /// The counter of the control message that comes next.
    control: u64,
}

impl Seal {
    /// For this end of an attachment. Its counters begin at 0: an id is good for one attachment, and the host takes none twice.
    #[must_use]
    pub fn new(
        side: Side,
        own: &Keypair,
        other: &PublicKey,
        session: &str,
        attachment: &AttachmentId,
    ) -> Self {
        let (host, player) = match side {
            Side::Host => (own.public(), other.clone()),
            Side::Player => (other.clone(), own.public()),
        };
        let between = [host.point(), player.point()];
        let [host_datagram, host_control, player_datagram, player_control] =
            own.agree(other, session, &between, attachment);
        let host = (host_datagram, host_control);
        let player = (player_datagram, player_control);
        let (ours, theirs) = match side {
            Side::Host => (host, player),
            Side::Player => (player, host),
        };
        Self {
            seal_datagram: ours.0,
            seal_control: ours.1,
            open_datagram: theirs.0,
            open_control: theirs.1,
            sealed_datagrams: 0,
            sealed_control: 0,
            datagrams: Window::default(),
            control: 0,
        }
    }

    /// Writes a datagram, sealed, to `out`, which is cleared before; it allocates nothing where `out` has room.
    ///
    /// # Errors
    /// [`Error::NotSealed`] for an empty one, [`Error::UsedUp`].
    pub fn seal_datagram(&mut self, datagram: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let (&first, rest) = datagram.split_first().ok_or(Error::NotSealed)?;
        let counter = take(&mut self.sealed_datagrams)?;
        out.clear();
        out.extend_from_slice(&[Kind::Sealed.first_byte(), first]);
        out.extend_from_slice(&counter.to_be_bytes());
        seal(&self.seal_datagram, counter, rest, out)
    }

    /// Opens a datagram in place, and says where in it what was sealed lies.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::Forged`], [`Error::Replayed`].
    pub fn open_datagram(&mut self, datagram: &mut [u8]) -> Result<Range<usize>, Error> {
        let (head, body) = datagram
            .split_first_chunk_mut::<DATAGRAM_HEAD_BYTES>()
            .ok_or(Error::NotSealed)?;
        if head[0] != Kind::Sealed.first_byte() {
            return Err(Error::NotSealed);
        }
        let mut counter = [0; 8];
        counter.copy_from_slice(&head[2..]);
        let counter = u64::from_be_bytes(counter);
        if !self.datagrams.is_fresh(counter) {
            return Err(Error::Replayed);
        }
        let length = open(&self.open_datagram, counter, head, body)?;
        self.datagrams.mark(counter);
        // The first byte goes right before what was opened.
        let first = head[1];
        let from = DATAGRAM_HEAD_BYTES - 1;
        datagram[from] = first;
        Ok(from..from + 1 + length)
    }

    /// A control message, sealed.
    ///
    /// # Errors
    /// [`Error::UsedUp`].
    pub fn seal_control(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let counter = take(&mut self.sealed_control)?;
        let mut out = counter.to_be_bytes().to_vec();
        seal(&self.seal_control, counter, message, &mut out)?;
        Ok(out)
    }

    /// Opens a control message. They come in their order and without a gap: anything else is somebody else's doing.
    ///
    /// # Errors
    /// As [`Self::open_datagram`]; [`Error::Missing`] when one was left out.
    pub fn open_control(&mut self, message: &mut [u8]) -> Result<Vec<u8>, Error> {
        let (head, body) = message.split_first_chunk_mut::<8>().ok_or(Error::NotSealed)?;
        let counter = u64::from_be_bytes(*head);
        match counter.cmp(&self.control) {
            std::cmp::Ordering::Less => return Err(Error::Replayed),
            std::cmp::Ordering::Greater => return Err(Error::Missing),
            std::cmp::Ordering::Equal => {}
        }
        let length = open(&self.open_control, counter, head, body)?;
        self.control = counter.saturating_add(1);
        Ok(body.get(..length).unwrap_or_default().to_vec())
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal")
            .field("sealed_datagrams", &self.sealed_datagrams)
            .finish_non_exhaustive()
    }
}

fn take(counter: &mut u64) -> Result<u64, Error> {
    let taken = *counter;
    *counter = taken
        .checked_add(1)
        .filter(|next| *next < USES_MAX)
        .ok_or(Error::UsedUp)?;
    Ok(taken)
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - 8..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Appends `plain`, sealed, to `out`; what is there already is what must not change.
fn seal(key: &LessSafeKey, counter: u64, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let head = out.len();
    out.extend_from_slice(plain);
    let (fixed, body) = out.split_at_mut(head);
    let tag = key
        .seal_in_place_separate_tag(nonce(counter), Aad::from(fixed), body)
        .map_err(|_| Error::UsedUp)?;
    out.extend_from_slice(tag.as_ref());
    Ok(())
}

/// Opens in place; returns the length of what was sealed.
fn open(key: &LessSafeKey, counter: u64, head: &[u8], body: &mut [u8]) -> Result<usize, Error> {
    key.open_in_place(nonce(counter), Aad::from(head), body)
        .map(|plain| plain.len())
        .map_err(|_| Error::Forged)
}

/// Kind, first byte of what is sealed, counter.
const DATAGRAM_HEAD_BYTES: usize = 10;
const TAG_BYTES: usize = 16;
/// By how much a sealed datagram is longer.
pub const DATAGRAM_OVERHEAD_BYTES: usize = DATAGRAM_HEAD_BYTES - 1 + TAG_BYTES;
/// A counter in a page is a number of 53 bits; no session comes near it.
const USES_MAX: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ATTACHMENT: AttachmentId = AttachmentId::from_bytes([3; 16]);

    fn opened(seal: &mut Seal, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = sealed.to_vec();
        let at = seal.open_datagram(&mut sealed)?;
        Ok(sealed[at].to_vec())
    }

    fn ends() -> (Seal, Seal) {
        let (host, player) = (
            Keypair::from_bytes(&[1; 32]).unwrap(),
            Keypair::from_bytes(&[2; 32]).unwrap(),
        );
        (
            Seal::new(Side::Host, &host, &player.public(), "s", &ATTACHMENT),
            Seal::new(Side::Player, &player, &host.public(), "s", &ATTACHMENT),
        )
    }

    #[test]
    fn no_bit_can_be_changed_and_nothing_opens_twice() {
        let (mut host, mut player) = ends();
        let datagram = [0x11, 1, 2, 3, 4];
        let mut sealed = Vec::new();
        host.seal_datagram(&datagram, &mut sealed).unwrap();
        assert_eq!(sealed.len(), datagram.len() + DATAGRAM_OVERHEAD_BYTES);
        for bit in 0..8 * sealed.len() {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(player.open_datagram(&mut changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(opened(&mut player, &sealed[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(opened(&mut player, &sealed).unwrap(), datagram);
        assert_eq!(opened(&mut player, &sealed), Err(Error::Replayed));
        assert_eq!(
            opened(&mut host, &sealed),
            Err(Error::Forged),
            "it is not its own echo"
        );
        let mut message = player.seal_control(b"leave").unwrap();
        assert_eq!(host.open_control(&mut message.clone()).unwrap(), b"leave");
        assert_eq!(host.open_control(&mut message), Err(Error::Replayed));
        let (_, mut third) = (player.seal_control(b"2"), player.seal_control(b"3").unwrap());
        assert_eq!(host.open_control(&mut third), Err(Error::Missing));
    }

    #[test]
    fn what_was_sealed_for_one_attachment_is_nothing_in_another() {
        let (host, player) = (Keypair::generate().unwrap(), Keypair::generate().unwrap());
        let [first, second] = [
            AttachmentId::generate().unwrap(),
            AttachmentId::generate().unwrap(),
        ];
        let mut sent = [Vec::new(), Vec::new()];
        for (id, sealed) in [&first, &second].into_iter().zip(&mut sent) {
            let mut seal = Seal::new(Side::Host, &host, &player.public(), "s", id);
            seal.seal_datagram(&[0x11; 40], sealed).unwrap();
        }
        assert_eq!(sent[0][..10], sent[1][..10], "the same counter");
        assert_ne!(sent[0][10..], sent[1][10..], "under another key");
        let mut seal = Seal::new(Side::Player, &player, &host.public(), "s", &second);
        assert_eq!(opened(&mut seal, &sent[0]), Err(Error::Forged));
        assert_eq!(opened(&mut seal, &sent[1]).unwrap(), [0x11; 40]);
    }

    #[test]
    fn keys_are_of_one_session_and_are_read_or_refused() {
        let (host, player) = (Keypair::generate().unwrap(), Keypair::generate().unwrap());
        let read = PublicKey::read(&host.public().text()).unwrap();
        let mut sealed = Vec::new();
        let mut seal = Seal::new(Side::Host, &host, &player.public(), "one", &ATTACHMENT);
        seal.seal_datagram(&[0x11, 1], &mut sealed).unwrap();
        let mut other = Seal::new(Side::Player, &player, &read, "two", &ATTACHMENT);
        assert_eq!(other.open_datagram(&mut sealed), Err(Error::Forged));
        for text in ["", "AAAA", &"A".repeat(87), "ä"] {
            assert_eq!(PublicKey::read(text), Err(Error::Key), "{text}");
        }
    }

    /// The page reads the same file. `SEAL_VECTORS=1 cargo test -p firstlight-seal` writes it.
    #[test]
    fn the_shared_vector_holds() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/seal.json");
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let (mut host, mut player) = ends();
        let (mut down, mut up) = (Vec::new(), Vec::new());
        host.seal_datagram(&[0x11, 1, 2, 3], &mut down).unwrap();
        player.seal_datagram(&[0x18, 9, 8], &mut up).unwrap();
        let (host_key, player_key) = (
            Keypair::from_bytes(&[1; 32]).unwrap(),
            Keypair::from_bytes(&[2; 32]).unwrap(),
        );
        let vector = serde_json::json!({
            "session": "s", "attachment": ATTACHMENT.text(), "host_public": host_key.public().text(), "player_public": player_key.public().text(),
            "player_secret": hex(&[2; 32]),
            "host_datagram": "11010203", "host_datagram_sealed": hex(&down),
            "host_control": hex(b"hello"), "host_control_sealed": hex(&host.seal_control(b"hello").unwrap()),
            "player_datagram": "180908", "player_datagram_sealed": hex(&up),
            "player_control": hex(b"leave"), "player_control_sealed": hex(&player.seal_control(b"leave").unwrap()),
        });
        if std::env::var_os("SEAL_VECTORS").is_some() {
            std::fs::write(path, format!("{vector:#}\n")).unwrap();
        }
        let stored: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(stored, vector);
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80), sealed in any::<bool>()) {
            let (_, mut player) = ends();
            if let (true, Some(first)) = (sealed, bytes.first_mut()) {
                *first = Kind::Sealed.first_byte();
            }
            prop_assert!(player.open_datagram(&mut bytes.clone()).is_err());
            prop_assert!(player.open_control(&mut bytes).is_err());
        }
    }
}

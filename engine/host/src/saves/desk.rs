//! The work at one home: laying out what its player has saved, and putting away what is there.

use super::card::{Card, Choice, choose};
use crate::folders::private;
use crate::host::{Inner, random_letters};
use crate::{Error, folders};
use firstlight_container::keep_home;
use firstlight_saves::archive::{Bounds, Packed, Stamp, pack, stamp, unpack};
use firstlight_saves::{Held, Newest, Saves};
use firstlight_telemetry::{SaveBrought, SavePut};
use firstlight_units::TitleId;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A home of a player and title on this machine. Whoever uses it has the home's turn.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) way: Arc<dyn Saves>,
    home: PathBuf,
    /// Relative to the home.
    paths: Vec<PathBuf>,
    card: PathBuf,
    /// For what is on its way: on the file system of the homes.
    moving: PathBuf,
}

type Refusal = firstlight_saves::Error;

impl Desk {
    pub(super) fn new(
        way: Arc<dyn Saves>,
        inner: &Inner,
        (player, title): (&str, &TitleId),
        paths: Vec<PathBuf>,
    ) -> Self {
        let saves = inner.data.saves();
        Self {
            way,
            home: inner.data.home_path(player, title),
            paths,
            card: saves.join(CARDS).join(player).join(format!("{title}.json")),
            moving: saves.join(MOVING),
        }
    }

    /// The session that may have changed the home since the cell knows it.
    pub(super) fn left(&self) -> Option<Held> {
        let card = Card::read(&self.card).ok().flatten()?;
        card.held().filter(|_| card.open)
    }

    /// How the home is.
    pub(super) async fn stamp(&self) -> Result<Stamp, Refusal> {
        self.blocking(|desk| stamp(&desk.home, &desk.paths, Bounds::default()))
            .await
    }

    /// Makes the home what the session is to find, and says on the card that it may change from here on.
    pub(super) async fn lay_out(&self, held: &Held, newest: &Newest) -> Result<SaveBrought, Error> {
        let known = Card::read(&self.card)?;
        let brought = match choose(known.as_ref(), self.home.exists(), newest) {
            Choice::Here => SaveBrought::Here,
            Choice::Nothing => {
                self.replace(None).await?;
                SaveBrought::Nothing
            }
            Choice::Fetch => {
                self.fetch(held, newest).await?;
                SaveBrought::Fetched
            }
        };
        let card = Card {
            version: newest.version,
            sha256: newest.sha256.clone(),
            session: held.session.to_string(),
            fence: held.fence,
            open: true,
            paths: self.paths.clone(),
        };
        if let Some(above) = self.card.parent() {
            private(above)?;
        }
        card.write(&self.card)?;
        Ok(brought)
    }

    async fn fetch(&self, held: &Held, newest: &Newest) -> Result<(), Error> {
        let room = self.room()?;
        let archive = room.path.join("archive");
        self.way
            .fetch(held, newest, &archive)
            .await
            .map_err(Error::Saves)?;
        let (fresh, from) = (room.path.join("home"), archive);
        let unpacked = self.blocking(move |_| {
            fs::create_dir(&fresh).map_err(at(&fresh))?;
            let file = File::open(&from).map_err(at(&from))?;
            unpack(BufReader::new(file), &fresh, Bounds::default())
        });
        unpacked.await.map_err(Error::Saves)?;
        self.replace(Some(room)).await
    }

    /// Puts the folder `home` of a room, or nothing, into the place of the home.
    async fn replace(&self, room: Option<Room>) -> Result<(), Error> {
        let old = self.room()?;
        let replaced = self.blocking(move |desk| {
            if desk.home.exists() {
                let before = old.path.join("before");
                fs::rename(&desk.home, &before).map_err(at(&before))?;
            }
            if let Some(room) = &room {
                if let Some(above) = desk.home.parent() {
                    private(above).map_err(refusal)?;
                }
                let fresh = room.path.join("home");
                fs::rename(&fresh, &desk.home).map_err(at(&desk.home))?;
            }
            drop((room, old));
            Ok(())
        });
        replaced.await.map_err(Error::Saves)
    }

    /// Puts away what is in the home. `at`: only if it is still so once it is packed. `last`: nothing more comes of the session.
    pub(super) async fn put(&self, held: &Held, at: Option<Stamp>, last: bool) -> Result<SavePut, Refusal> {
        let room = self.room().map_err(refusal)?;
        let archive = room.path.join("archive");
        let to = archive.clone();
        let packed = self.blocking(move |desk| desk.pack(&to, at, last)).await?;
        let known = Card::read(&self.card).ok().flatten().unwrap_or_default();
        if packed.left_out > 0 {
            let (session, left_out) = (&held.session, packed.left_out);
            tracing::debug!(%session, left_out, "links, devices, pipes and sockets are no saves");
        }
        // Nothing is no save, and takes the place of none.
        let put = if packed.files == 0 || packed.sha256 == known.sha256 {
            if last {
                self.way.close(held).await?;
            }
            SavePut::Unchanged
        } else {
            let version = self.way.store(held, &archive, &packed, last).await?;
            self.on_stored(held, version, &packed);
            SavePut::Stored
        };
        if last {
            self.shut(held);
        }
        Ok(put)
    }

    fn pack(&self, to: &Path, at_stamp: Option<Stamp>, last: bool) -> Result<Packed, Refusal> {
        let bounds = Bounds::default();
        if last {
            // A parked copy may have died while it became the player's.
            for path in &self.paths {
                if let Err(error) = keep_home(&self.home, path) {
                    tracing::warn!(%error, "a home could not be put in order");
                }
            }
        }
        let file = File::create(to).map_err(at(to))?;
        let mut writer = BufWriter::new(file);
        let packed = pack(&self.home, &self.paths, bounds, &mut writer)?;
        writer.flush().map_err(at(to))?;
        match at_stamp {
            Some(before) if stamp(&self.home, &self.paths, bounds)? != before => Err(Refusal::Changing),
            _ => Ok(packed),
        }
    }

    fn on_stored(&self, held: &Held, version: u64, packed: &Packed) {
        self.note(held, |card| {
            card.version = version;
            card.sha256.clone_from(&packed.sha256);
        });
    }

    /// What the session saved will not be put away: it stays here, and nobody waits for it.
    pub(super) async fn give_up(&self, held: &Held) {
        if let Err(error) = self.way.close(held).await {
            tracing::debug!(session = %held.session, %error, "that nothing more comes was not heard");
        }
        self.shut(held);
    }

    /// Nothing more comes of the session.
    fn shut(&self, held: &Held) {
        self.note(held, |card| card.open = false);
    }

    /// Changes the card, unless it is a later session's.
    fn note(&self, held: &Held, change: impl FnOnce(&mut Card)) {
        let Some(mut card) = Card::read(&self.card).ok().flatten() else {
            return;
        };
        if card.held().as_ref() == Some(held) {
            change(&mut card);
            if let Err(error) = card.write(&self.card) {
                tracing::warn!(%error, "what is known of a home was not written down");
            }
        }
    }

    /// Removes the home if the cell has what is in it and nobody has played in it for long.
    pub(super) async fn forget_if_old(&self) {
        let forgotten = self.blocking(|desk| {
            let written = fs::metadata(&desk.card).and_then(|metadata| metadata.modified());
            let age = written.map_err(at(&desk.card))?.elapsed().unwrap_or_default();
            if age > FORGOTTEN_AFTER {
                folders::remove(&desk.home);
                fs::remove_file(&desk.card).map_err(at(&desk.card))?;
            }
            Ok(())
        });
        if let Err(error) = forgotten.await {
            tracing::debug!(%error, "an old home stays");
        }
    }

    fn room(&self) -> Result<Room, Error> {
        let path = self.moving.join(random_letters::<20>()?);
        private(&path)?;
        Ok(Room { path })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let desk = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&desk)).await;
        done.unwrap_or_else(|error| Err(Refusal::Away(error.to_string())))
    }
}

/// A folder for what is on its way; gone with this.
#[derive(Debug)]
struct Room {
    path: PathBuf,
}

impl Drop for Room {
    fn drop(&mut self) {
        folders::remove(&self.path);
    }
}

/// A folder of this machine's that cannot be made.
fn refusal(error: Error) -> Refusal {
    if let Error::Path { path, source } = error {
        Refusal::Path { path, source }
    } else {
        Refusal::Away(error.to_string())
    }
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Refusal {
    let path = path.to_owned();
    move |source| Refusal::Path { path, source }
}

pub(super) const CARDS: &str = "cards";
pub(super) const MOVING: &str = "moving";
/// A player who comes back within days finds his home where it was; a machine keeps no stranger's files for longer.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(7 * 86_400);

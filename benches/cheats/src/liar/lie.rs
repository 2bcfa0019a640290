//! What is said that is not so.

use crate::Kind;
use crate::way::Ways;
use anyhow::{Context, Result};
use firstlight_checker::accounts::Account;
use firstlight_checker::challenge::{Answer, Proof};
use firstlight_checker::matter::{session_digest, told_statement};
use firstlight_checker::{from_text, to_text};
use firstlight_fleet::Key;
use firstlight_fleet::messages::{Beat, Quality, Replied, Reply, Report, SessionView};

pub(crate) struct Liar {
    about: Kind,
    ways: Ways,
}

impl Liar {
    pub(crate) fn new(about: Kind) -> Self {
        Self {
            about,
            ways: Ways::default(),
        }
    }

    pub(crate) fn beat(&self, beat: &mut Beat) {
        if self.about == Kind::Cores {
            beat.spec.cores *= 8;
        }
    }

    pub(crate) async fn report(&self, report: &mut Report, key: &Key) -> Result<()> {
        self.view(&mut report.session).await?;
        if let Some(quality) = &mut report.quality {
            self.quality(quality, report.session.session.as_str(), key);
        }
        Ok(())
    }

    pub(crate) async fn reply(&self, replied: &mut Replied, key: &Key) -> Result<()> {
        if let Reply::Proof { answer, signed } = &mut replied.reply {
            return self.proof((answer, signed), key);
        }
        let view = match &mut replied.reply {
            Reply::Claimed(claimed) => Some(&mut claimed.view),
            Reply::Session(view) => Some(&mut **view),
            Reply::Sessions { sessions } => {
                for view in sessions {
                    self.view(view).await?;
                }
                None
            }
            Reply::Done
            | Reply::Ticket { .. }
            | Reply::Offered { .. }
            | Reply::Quality(_)
            | Reply::Proof { .. }
            | Reply::Refused(_) => None,
        };
        match view {
            Some(view) => self.view(view).await,
            None => Ok(()),
        }
    }

    fn proof(&self, (answer, signed): (&mut String, &mut String), key: &Key) -> Result<()> {
        let mut read = Answer::read(&from_text(answer, ANSWER_CHARS_MAX)?)?;
        if self.about == Kind::Proofs
            && let Proof::Words(words) = &mut read.proof
        {
            for word in words.iter_mut().step_by(2) {
                *word ^= 1;
            }
        }
        *answer = to_text(&read.write());
        *signed = to_text(&key.sign(&read.statement()));
        Ok(())
    }

    fn quality(&self, quality: &mut Quality, session: &str, key: &Key) {
        let Some(told) = &mut quality.told else { return };
        match self.about {
            Kind::Minutes => told.seconds += told.seconds / 2 + 60,
            Kind::Units => told.units += told.units / 2 + 120,
            Kind::Cores | Kind::Proofs | Kind::Near | Kind::Nothing => {}
        }
        let account = Account {
            seconds: told.seconds,
            units: told.units,
            bytes: told.bytes,
        };
        told.signed = to_text(&key.sign(&told_statement(&session_digest(session), &account)));
    }

    /// Players are sent to the near end of a long way.
    async fn view(&self, view: &mut SessionView) -> Result<()> {
        if self.about == Kind::Near && view.port != 0 {
            view.port = self.ways.near(view.port).await.context("no way")?;
            // What is left over goes by that way, too.
            view.rtc_port = None;
        }
        Ok(())
    }
}

const ANSWER_CHARS_MAX: usize = 128 * 1024;

//! A bus within this process.

use super::{HEARD_MAX, Heard, Message, Reply, check_size};
use crate::{Bus, BusError, Subject, Subscription};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// A bus within this process. Cheap to clone: clones are the same bus.
#[derive(Clone, Debug, Default)]
pub struct LocalBus {
    ears: Arc<Mutex<Ears>>,
}

#[derive(Debug, Default)]
struct Ears {
    plain: BTreeMap<String, Vec<mpsc::Sender<Message>>>,
    patterns: Vec<(Subject, mpsc::Sender<Message>)>,
    dropped: u64,
}

impl Ears {
    fn add(&mut self, to: &Subject, ear: mpsc::Sender<Message>) {
        self.patterns.retain(|(_, ear)| !ear.is_closed());
        if to.is_pattern() {
            self.patterns.push((to.clone(), ear));
            return;
        }
        let ears = self.plain.entry(to.to_string()).or_default();
        ears.retain(|ear| !ear.is_closed());
        ears.push(ear);
    }

    /// Who listens.
    fn of(&mut self, subject: &str) -> Vec<mpsc::Sender<Message>> {
        let plain = self.plain.get_mut(subject).map(|ears| {
            ears.retain(|ear| !ear.is_closed());
            ears.clone()
        });
        let mut ears = plain.unwrap_or_default();
        if ears.is_empty() {
            self.plain.remove(subject);
        }
        let covering = self.patterns.iter();
        let covering = covering.filter(|(pattern, ear)| pattern.covers(subject) && !ear.is_closed());
        ears.extend(covering.map(|(_, ear)| ear.clone()));
        ears
    }
}

impl LocalBus {
    /// Messages that one who listens was too slow for.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, Ears> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, to: &Subject, body: Bytes) -> Result<(), BusError> {
        check_size(&body)?;
        let mut ears = self.lock();
        let mut dropped = 0;
        for ear in ears.of(to.as_str()) {
            let message = Message {
                subject: to.to_string(),
                body: body.clone(),
                reply: None,
            };
            if let Err(TrySendError::Full(_)) = ear.try_send(message) {
                dropped += 1;
            }
        }
        ears.dropped += dropped;
        Ok(())
    }

    async fn subscribe(&self, to: &Subject) -> Result<Subscription, BusError> {
        let (ear, heard) = mpsc::channel(HEARD_MAX);
        self.lock().add(to, ear);
        Ok(Subscription {
            heard: Heard::Local(heard),
        })
    }

    async fn request(&self, to: &Subject, body: Bytes, within: Duration) -> Result<Bytes, BusError> {
        check_size(&body)?;
        let ear = self.lock().of(to.as_str()).into_iter().next();
        let ear = ear.ok_or_else(|| BusError::NobodyListens(to.to_string()))?;
        let (reply, answered) = oneshot::channel();
        let message = Message {
            subject: to.to_string(),
            body,
            reply: Some(Reply::Local(reply)),
        };
        match ear.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(BusError::Busy),
            Err(TrySendError::Closed(_)) => return Err(BusError::NobodyListens(to.to_string())),
        }
        match tokio::time::timeout(within, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            // It was heard and thrown away.
            Ok(Err(_)) | Err(_) => Err(BusError::Timeout(within)),
        }
    }

    fn is_connected(&self) -> bool {
        true
    }
}

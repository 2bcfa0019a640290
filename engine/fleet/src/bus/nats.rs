//! Core NATS.

use super::{BODY_BYTES_MAX, HEARD_MAX, Heard, Message, Reply, Subscription, check_size};
use crate::{Bus, BusError, Subject};
use async_nats::client::{PublishErrorKind, RequestErrorKind};
use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A connection to NATS, made again whenever it is lost. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NatsBus {
    client: Client,
    dropped: Arc<AtomicU64>,
}

impl NatsBus {
    /// Connects in the background: a server that is away is waited for.
    ///
    /// # Errors
    /// [`BusError::Url`].
    pub async fn connect(url: &str) -> Result<Self, BusError> {
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        let (address, login) = apart(url).ok_or_else(|| BusError::Url(crate::error::shown(url)))?;
        let options = match login {
            Some((user, password)) => ConnectOptions::with_user_and_password(user, password),
            None => ConnectOptions::new(),
        };
        let client = options
            .name("firstlight")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .connection_timeout(CONNECTED_WITHIN)
            .ping_interval(PING_EVERY)
            .subscription_capacity(HEARD_MAX)
            .client_capacity(SENT_MAX)
            .reconnect_delay_callback(|attempt| {
                let millis = 50u64.saturating_mul(1 << attempt.min(6));
                Duration::from_millis(millis).min(RECONNECT_MAX)
            })
            .event_callback(move |event| {
                let counter = Arc::clone(&counter);
                async move {
                    match event {
                        Event::SlowConsumer(_) => drop(counter.fetch_add(1, Ordering::Relaxed)),
                        Event::Connected => tracing::info!("the bus is connected"),
                        Event::Disconnected => tracing::warn!("the bus is disconnected"),
                        event @ (Event::LameDuckMode
                        | Event::Draining
                        | Event::Closed
                        | Event::ServerError(_)
                        | Event::ClientError(_)) => tracing::debug!(%event, "the bus"),
                    }
                }
            })
            .connect(address)
            .await
            .map_err(|_| BusError::Url(crate::error::shown(url)))?;
        Ok(Self { client, dropped })
    }

    /// Messages that one who listens was too slow for.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// What is sent into a lost connection would be kept and arrive late; a beat that is late is worth nothing.
    fn connected(&self) -> Result<(), BusError> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(BusError::Disconnected),
        }
    }
}

#[async_trait]
impl Bus for NatsBus {
    async fn publish(&self, to: &Subject, body: Bytes) -> Result<(), BusError> {
        check_size(&body)?;
        self.connected()?;
        let sent = self.client.publish(to.to_string(), body).await;
        sent.map_err(|error| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => BusError::TooLarge {
                given: 0,
                most: BODY_BYTES_MAX,
            },
            PublishErrorKind::InvalidSubject => BusError::Subject(to.to_string()),
            PublishErrorKind::Send => BusError::Disconnected,
        })
    }

    async fn subscribe(&self, to: &Subject) -> Result<Subscription, BusError> {
        let subscriber = self.client.subscribe(to.to_string()).await;
        let subscriber = subscriber.map_err(|_| BusError::Disconnected)?;
        // On its way before anything that is published from here on.
        if self.connected().is_ok()
            && tokio::time::timeout(CONNECTED_WITHIN, self.client.flush())
                .await
                .is_err()
        {
            return Err(BusError::Disconnected);
        }
        Ok(Subscription {
            heard: Heard::Nats(subscriber, self.client.clone()),
        })
    }

    async fn request(&self, to: &Subject, body: Bytes, within: Duration) -> Result<Bytes, BusError> {
        check_size(&body)?;
        self.connected()?;
        let request = async_nats::Request::new().payload(body).timeout(Some(within));
        match self.client.send_request(to.to_string(), request).await {
            Ok(answer) => Ok(answer.payload),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::TimedOut => BusError::Timeout(within),
                RequestErrorKind::NoResponders => BusError::NobodyListens(to.to_string()),
                RequestErrorKind::InvalidSubject => BusError::Subject(to.to_string()),
                RequestErrorKind::MaxPayloadExceeded => BusError::TooLarge {
                    given: 0,
                    most: BODY_BYTES_MAX,
                },
                RequestErrorKind::Other => BusError::Disconnected,
            }),
        }
    }

    fn is_connected(&self) -> bool {
        self.connected().is_ok()
    }

    async fn flush(&self) -> Result<(), BusError> {
        self.connected()?;
        self.client.flush().await.map_err(|_| BusError::Disconnected)
    }
}

/// An address without name and password, and those: the library takes no notice of them where they stand in an address.
fn apart(address: &str) -> Option<(String, Option<(String, String)>)> {
    let mut url = url::Url::parse(address).ok()?;
    let login = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => Some((plain(user), plain(password.unwrap_or_default()))),
    };
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some((url.into(), login))
}

/// Without the escapes that an address needs; a plus is a plus there.
fn plain(escaped: &str) -> String {
    let pair = escaped.replace('+', "%2B").replace('&', "%26");
    let mut values = url::form_urlencoded::parse(pair.as_bytes());
    // One key without a value.
    values
        .next()
        .map_or_else(String::new, |(key, _)| key.into_owned())
}

pub(super) fn message(message: async_nats::Message, client: &Client) -> Message {
    let reply = message.reply.map(|to| Reply::Nats(client.clone(), to));
    Message {
        subject: message.subject.to_string(),
        body: message.payload,
        reply,
    }
}

pub(super) async fn answer(client: &Client, to: async_nats::Subject, body: Bytes) -> Result<(), BusError> {
    check_size(&body)?;
    client.publish(to, body).await.map_err(|_| BusError::Disconnected)
}

const CONNECTED_WITHIN: Duration = Duration::from_secs(2);
/// A connection that died without a word is noticed after two of them.
const PING_EVERY: Duration = Duration::from_secs(2);
const RECONNECT_MAX: Duration = Duration::from_secs(1);
/// Messages on their way to the connection; whoever sends more waits.
const SENT_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_a_login_are_told_apart() {
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (address, bare, expected) in [
            ("nats://bus:4222", "nats://bus:4222", None),
            ("tls://bus", "tls://bus", None),
            ("nats://a:b@bus:4222", "nats://bus:4222", login("a", "b")),
            ("nats://token@bus", "nats://bus", login("token", "")),
            (
                "nats://a:p%40s+s%3A%26%3D@[::1]:4222",
                "nats://[::1]:4222",
                login("a", "p@s+s:&="),
            ),
        ] {
            let told = apart(address).unwrap();
            assert_eq!(told, (bare.to_owned(), expected), "{address}");
        }
        assert_eq!(apart("nonsense"), None);
    }
}

//! From a request to a host that has let its player in.

use crate::places::Places;
use crate::rate::Meter;
use crate::{Config, Refused};
use firstlight_bridge::Counters;
use firstlight_quic::{Dial, Error as QuicError, Link};
use firstlight_telemetry as telemetry;
use firstlight_ticket::Route;
use firstlight_units::WallTime;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) config: Config,
    /// What all of them have carried.
    pub(crate) counters: Arc<Counters>,
    places: Mutex<Places>,
    draining: AtomicBool,
    /// How many are carried.
    carried: watch::Sender<usize>,
    /// Turns true when all have to go.
    over: watch::Sender<bool>,
}

/// What is asked for, over whatever transport.
pub(crate) struct Asked<'a> {
    pub(crate) from: IpAddr,
    pub(crate) path: &'a str,
    /// As it was sent.
    pub(crate) query: &'a str,
    pub(crate) origin: Option<String>,
}

/// Somebody who is carried: his host, his place until this is dropped, and what he may have.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) host: Link,
    pub(crate) meter: Meter,
    pub(crate) over: watch::Receiver<bool>,
    /// Held for as long as he is carried.
    pub(crate) place: Place,
}

impl Desk {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(Self {
            places: Mutex::new(Places::new(config.sessions_max, config.per_address_max)),
            config,
            counters: Arc::default(),
            draining: AtomicBool::new(false),
            carried: watch::Sender::new(0),
            over: watch::Sender::new(false),
        })
    }

    /// Attaches to the host that the route names, or says in one line why not.
    pub(crate) async fn admit(self: &Arc<Self>, asked: Asked<'_>) -> Result<Carried, Refused> {
        let admitted = self.try_admit(asked).await;
        match &admitted {
            Ok(_) => telemetry::relay_attached(),
            Err(refused) => {
                telemetry::relay_refused(refused.label());
                let cause = std::error::Error::source(refused).map(ToString::to_string);
                tracing::info!(reason = %refused, cause, "refused");
            }
        }
        admitted
    }

    async fn try_admit(self: &Arc<Self>, asked: Asked<'_>) -> Result<Carried, Refused> {
        if self.is_draining() {
            return Err(Refused::Draining);
        }
        if asked.path != crate::PATH {
            return Err(Refused::NoRoute);
        }
        let token = parameter(asked.query, "route").ok_or(Refused::NoRoute)?;
        let route = self.route(&token)?;
        let place = self.place(asked.from, route.session)?;
        let dial = Dial {
            address: route.address,
            certificates: route.certificates,
            path: host_path(asked.query),
            origin: asked.origin,
            narrow: true,
        };
        let host = dial.attach().await.map_err(|error| {
            if let QuicError::Refused(status) = error {
                Refused::Host(status)
            } else {
                Refused::Unreachable(error)
            }
        })?;
        Ok(Carried {
            host,
            meter: Meter::new(Instant::now(), self.config.rate_max),
            over: self.over.subscribe(),
            place,
        })
    }

    /// By whichever gateway signed it.
    fn route(&self, token: &str) -> Result<Route, Refused> {
        let now = now();
        let mut refused = firstlight_ticket::Error::Forged;
        for key in &self.config.keys {
            match key.verify(token, now) {
                Ok(route) => return Ok(route),
                Err(firstlight_ticket::Error::Forged) => {}
                Err(other) => refused = other,
            }
        }
        Err(Refused::Route(refused))
    }

    fn place(self: &Arc<Self>, from: IpAddr, session: String) -> Result<Place, Refused> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.take(from, &session)?;
        self.tell(places.taken());
        Ok(Place {
            desk: Arc::clone(self),
            from,
            session,
        })
    }

    fn tell(&self, taken: usize) {
        telemetry::relay_sessions(taken);
        self.carried.send_replace(taken);
    }

    /// Once a second.
    pub(crate) fn tell_traffic(&self) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        telemetry::relay_traffic(telemetry::RelayTraffic {
            bytes_up: read(&self.counters.bytes_to_hosts),
            bytes_down: read(&self.counters.bytes_to_players),
            dropped: read(&self.counters.dropped),
        });
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Takes nobody any more, waits for those who are carried, and lets them go when the time is over.
    pub(crate) async fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        let mut carried = self.carried.subscribe();
        let left = *carried.borrow();
        if left > 0 {
            tracing::info!(left, seconds = self.config.drain.as_secs(), "draining");
        }
        let empty = async { carried.wait_for(|n| *n == 0).await.map(drop) };
        if tokio::time::timeout(self.config.drain, empty).await.is_err() {
            self.over.send_replace(true);
            let gone = async { carried.wait_for(|n| *n == 0).await.map(drop) };
            if tokio::time::timeout(GOODBYE, gone).await.is_err() {
                tracing::warn!("some players were cut off without a word");
            }
        }
    }
}

/// A place that somebody has; it is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    desk: Arc<Desk>,
    from: IpAddr,
    session: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.desk.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.give_back(self.from, &self.session);
        let taken = places.taken();
        drop(places);
        self.desk.tell(taken);
    }
}

fn parameter(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// What a host is asked for on behalf of somebody with this query.
pub(crate) fn host_path(query: &str) -> String {
    format!("/v1/media?via=relay&{}", rest(query))
}

/// The query without what is the relay's own; the host reads the first `via`, which is not the player's to say.
fn rest(query: &str) -> String {
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if key != "route" && key != "via" {
            rest.append_pair(&key, &value);
        }
    }
    rest.finish()
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// For the close to leave.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_gets_everything_but_what_is_the_relays_own() {
        let query = "via=x&route=r%2E&ticket=v4.public.a-b_c&%72oute=2&attach=AA";
        assert_eq!(parameter(query, "route").unwrap(), "r.");
        assert_eq!(rest(query), "ticket=v4.public.a-b_c&attach=AA");
        assert_eq!(rest(""), "");
    }
}

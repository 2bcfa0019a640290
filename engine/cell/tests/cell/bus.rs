//! A bus that loses, repeats, delays and cuts.

use crate::random::Random;
use async_trait::async_trait;
use bytes::Bytes;
use firstlight_fleet::{Bus, BusError, LocalBus, Subject, Subscription};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// What it does to messages, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) lost: u64,
    pub(crate) twice: u64,
    pub(crate) late: u64,
}

/// The bus of one cell; all of them carry to the same hosts.
#[derive(Clone, Debug)]
pub(crate) struct BadBus {
    inner: LocalBus,
    random: Arc<Mutex<Random>>,
    weather: Arc<Mutex<Weather>>,
    /// Nothing passes, and everybody knows.
    away: Arc<AtomicBool>,
}

#[derive(Clone, Copy)]
struct Fate {
    lost: bool,
    twice: bool,
    delay: Duration,
}

impl BadBus {
    pub(crate) fn new(inner: LocalBus, seed: u64, weather: Weather) -> Self {
        Self {
            inner,
            random: Arc::new(Mutex::new(Random::new(seed))),
            weather: Arc::new(Mutex::new(weather)),
            away: Arc::default(),
        }
    }

    /// One of several that are away together.
    pub(crate) fn with(mut self, away: &Arc<AtomicBool>) -> Self {
        self.away = Arc::clone(away);
        self
    }

    pub(crate) fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    fn fate(&self) -> Fate {
        let mut random = self.random.lock().unwrap();
        let weather = *self.weather.lock().unwrap();
        let late = random.percent(weather.late);
        Fate {
            lost: random.percent(weather.lost),
            twice: random.percent(weather.twice),
            delay: Duration::from_millis(if late {
                random.below(4_000)
            } else {
                1 + random.below(20)
            }),
        }
    }
}

#[async_trait]
impl Bus for BadBus {
    async fn publish(&self, to: &Subject, body: Bytes) -> Result<(), BusError> {
        let fate = self.fate();
        if !self.is_connected() {
            return Err(BusError::Disconnected);
        }
        if fate.lost {
            return Ok(());
        }
        let (inner, to) = (self.inner.clone(), to.clone());
        tokio::spawn(async move {
            sleep(fate.delay).await;
            for _ in 0..if fate.twice { 2 } else { 1 } {
                drop(inner.publish(&to, body.clone()).await);
            }
        });
        Ok(())
    }

    async fn subscribe(&self, to: &Subject) -> Result<Subscription, BusError> {
        self.inner.subscribe(to).await
    }

    async fn request(&self, to: &Subject, body: Bytes, within: Duration) -> Result<Bytes, BusError> {
        let (there, back) = (self.fate(), self.fate());
        if !self.is_connected() {
            return Err(BusError::Disconnected);
        }
        let until = Instant::now() + within;
        if there.lost {
            tokio::time::sleep_until(until).await;
            return Err(BusError::Timeout(within));
        }
        let carry = async {
            sleep(there.delay).await;
            if there.twice {
                let (inner, to, body) = (self.inner.clone(), to.clone(), body.clone());
                tokio::spawn(async move {
                    sleep(Duration::from_millis(5)).await;
                    drop(inner.request(&to, body, within).await);
                });
            }
            let answer = self.inner.request(to, body.clone(), within).await?;
            if back.lost {
                tokio::time::sleep_until(until).await;
                return Err(BusError::Timeout(within));
            }
            sleep(back.delay).await;
            Ok(answer)
        };
        timeout_at(until, carry)
            .await
            .map_err(|_| BusError::Timeout(within))?
    }

    fn is_connected(&self) -> bool {
        !self.away.load(Ordering::Relaxed)
    }
}

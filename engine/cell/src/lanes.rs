//! Work in lanes: what has the same key is done in order, and the lanes don't wait for each other.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::repeat_with;
use std::ops::ControlFlow;
use tokio::sync::mpsc::{self, error::TrySendError};

/// See the module. Each lane is a task, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Lanes<T>(Vec<mpsc::Sender<T>>);

impl<T: Send + 'static> Lanes<T> {
    /// So many, in which `work` is done, until it breaks off.
    pub(crate) fn open<F, Done>(lanes: usize, work: F) -> Self
    where
        F: Fn(T) -> Done + Clone + Send + 'static,
        Done: Future<Output = ControlFlow<()>> + Send,
    {
        let lane = || {
            let (lane, mut waiting) = mpsc::channel(WAITING_MAX);
            let work = work.clone();
            tokio::spawn(async move {
                while let Some(item) = waiting.recv().await {
                    if work(item).await.is_break() {
                        return;
                    }
                }
            });
            lane
        };
        Self(repeat_with(lane).take(lanes).collect())
    }

    /// Has something done. `Continue(false)`: it is not, since too much waits in its lane, which is its lane's fault alone.
    pub(crate) fn send(&self, key: &str, item: T) -> ControlFlow<(), bool> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let at = hasher.finish() % (self.0.len() as u64).max(1);
        let lane = usize::try_from(at).ok().and_then(|at| self.0.get(at));
        match lane.map(|lane| lane.try_send(item)) {
            Some(Ok(())) => ControlFlow::Continue(true),
            Some(Err(TrySendError::Full(_))) => ControlFlow::Continue(false),
            Some(Err(TrySendError::Closed(_))) | None => ControlFlow::Break(()),
        }
    }
}

/// A second's worth of one lane, where a store is slow.
const WAITING_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::sync::Semaphore;
    use tokio::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn one_that_waits_holds_up_its_own_lane_and_no_other() {
        let (gate, done) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (closed, noted) = (Arc::clone(&gate), Arc::clone(&done));
        let lanes = Lanes::open(2, move |n: u32| {
            let (closed, noted) = (Arc::clone(&closed), Arc::clone(&noted));
            async move {
                if n == 0 {
                    drop(closed.acquire().await);
                }
                noted.lock().unwrap().push(n);
                ControlFlow::Continue(())
            }
        });
        // Somebody of these is in the other lane.
        let others: Vec<String> = (1..=64).map(|n| n.to_string()).collect();
        assert_eq!(lanes.send("0", 0), ControlFlow::Continue(true));
        for (n, key) in (1u32..).zip(&others) {
            assert_eq!(lanes.send(key, n), ControlFlow::Continue(true));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let passed = done.lock().unwrap().clone();
        assert!(!passed.is_empty() && passed.is_sorted() && !passed.contains(&0));
        gate.add_permits(1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let all = done.lock().unwrap().clone();
        assert_eq!(all.len(), 65);
        let held: Vec<u32> = all.iter().copied().filter(|n| !passed.contains(n)).collect();
        assert_eq!(held.first(), Some(&0));
        assert!(held.is_sorted());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_lane_takes_no_more_and_one_that_broke_off_says_so() {
        let stuck = Lanes::open(1, |()| std::future::pending());
        for _ in 0..WAITING_MAX {
            assert_eq!(stuck.send("", ()), ControlFlow::Continue(true));
        }
        assert_eq!(stuck.send("", ()), ControlFlow::Continue(false));
        let over = Lanes::open(1, |()| std::future::ready(ControlFlow::Break(())));
        assert_eq!(over.send("", ()), ControlFlow::Continue(true));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(over.send("", ()), ControlFlow::Break(()));
    }
}

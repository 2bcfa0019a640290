//! Work in lanes: what has the same key is done in order, and the lanes don't wait for each other.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::repeat_with;
use std::ops::ControlFlow;
use tokio::sync::mpsc;

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

    /// Has something done; waits while too much waits in its lane.
    pub(crate) async fn send(&self, key: &str, item: T) -> ControlFlow<()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let at = hasher.finish() % (self.0.len() as u64).max(1);
        let lane = usize::try_from(at).ok().and_then(|at| self.0.get(at));
        let Some(lane) = lane else {
            return ControlFlow::Break(());
        };
        match lane.send(item).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// Further ones are whoever sends them's to keep.
const WAITING_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::sync::Semaphore;
    use tokio::time::{Duration, timeout};

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
        assert!(lanes.send("0", 0).await.is_continue());
        for (n, key) in (1u32..).zip(&others) {
            assert!(lanes.send(key, n).await.is_continue());
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
    async fn a_full_lane_lets_its_sender_wait_and_one_that_broke_off_says_so() {
        let lanes = Lanes::open(1, |stop: bool| async move {
            if stop {
                ControlFlow::Break(())
            } else {
                std::future::pending().await
            }
        });
        let fill = async { while lanes.send("", false).await.is_continue() {} };
        assert!(timeout(Duration::from_secs(1), fill).await.is_err());
        let over = Lanes::open(1, |stop: bool| async move {
            if stop {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(over.send("", true).await.is_continue());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(over.send("", false).await.is_break());
    }
}

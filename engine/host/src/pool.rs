//! Which copies are kept parked: what is wanted of each title, and what to do about it next. Pure.
//!
//! ```text
//! manifests, asks, set_parked -> wanted per title --+
//! copies of this host ------------------------------+-> Plan: end these, boot that
//! ```
//!
//! One copy boots at a time. A title whose copies do not come up is tried again, ever more rarely.

use firstlight_title::{Profile, Title};
use firstlight_units::{Micros, SessionId, Timestamp, TitleId};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A title on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installed {
    pub(crate) title: Title,
    pub(crate) dir: PathBuf,
    /// Changes with any file of the title's folder, and with its program.
    pub(crate) stamp: u64,
}

/// What is kept ready of a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warm {
    /// The title.
    pub title: TitleId,
    /// How many copies are wanted.
    pub wanted: u16,
    /// How many can be claimed.
    pub parked: u16,
    /// How many are on their way there.
    pub booting: u16,
    /// How long one takes to be ready; none was yet: nothing.
    pub boot: Option<Micros>,
}

/// A copy that is nobody's.
#[derive(Clone, Debug)]
pub(crate) struct CopyView {
    pub(crate) id: SessionId,
    pub(crate) of: Installed,
    pub(crate) booting: bool,
}

/// What to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) end: Vec<SessionId>,
    pub(crate) boot: Option<Installed>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    titles: BTreeMap<TitleId, Wanted>,
    set: BTreeMap<TitleId, u16>,
}

/// So many copies were asked for, until then.
#[derive(Clone, Copy, Debug)]
struct Asked {
    copies: u16,
    until: Timestamp,
}

#[derive(Debug)]
struct Wanted {
    of: Installed,
    failures: u32,
    not_before: Timestamp,
    /// The more copies, the sooner over: what is asked for less and for no longer adds nothing.
    asked: Vec<Asked>,
    boot: Option<Micros>,
}

impl Pool {
    /// What is installed, and of it what its publishers want parked. What is not named is not installed.
    pub(crate) fn install(&mut self, installed: Vec<Installed>) {
        let mut before = std::mem::take(&mut self.titles);
        for of in installed {
            let id = of.title.id.clone();
            // A title that changed deserves another try.
            let known = before.remove(&id).filter(|wanted| wanted.of == of);
            let wanted = known.unwrap_or_else(|| Wanted {
                of,
                failures: 0,
                not_before: Timestamp::default(),
                asked: Vec::new(),
                boot: None,
            });
            self.titles.insert(id, wanted);
        }
    }

    /// Wants `n` copies of a title, whatever its manifest says; `None`: as it says.
    pub(crate) fn set(&mut self, title: TitleId, n: Option<u16>) {
        match n {
            Some(n) => self.set.insert(title, n),
            None => self.set.remove(&title),
        };
    }

    /// Wants `copies` of a title for a while, within what its manifest allows. Of several such asks the highest holds. `false`: there is
    /// no such title.
    pub(crate) fn ask(&mut self, title: &TitleId, copies: u16, until: Timestamp, now: Timestamp) -> bool {
        let Some(wanted) = self.titles.get_mut(title) else {
            return false;
        };
        // Bounded by the publisher's most: one ask for each number.
        let copies = copies.min(wanted.of.title.warm.parked_max);
        let adds = |known: &Asked| known.copies > copies || known.until > until;
        wanted.asked.retain(|known| known.until > now && adds(known));
        wanted.asked.push(Asked { copies, until });
        true
    }

    fn wanted(&self, title: &Title, now: Timestamp) -> u16 {
        // Its player's data must be there when it boots, and nobody knows who that will be.
        if title.run.profile == Profile::Boot {
            return 0;
        }
        let asked = self.titles.get(&title.id).map(|wanted| wanted.asked.iter());
        let asked = asked.into_iter().flatten().filter(|asked| asked.until > now);
        let asked = asked.map(|asked| asked.copies).max().unwrap_or(0);
        let set = self.set.get(&title.id).copied();
        set.unwrap_or_else(|| title.warm.parked.max(asked))
    }

    /// A copy of a title came up after so long.
    pub(crate) fn on_parked(&mut self, title: &TitleId, after: Micros) {
        if let Some(wanted) = self.titles.get_mut(title) {
            wanted.failures = 0;
            wanted.boot = Some(wanted.boot.map_or(after, |known| (known + after).scale(1, 2)));
        }
    }

    /// A copy of a title did not come up, or died parked.
    pub(crate) fn on_failed(&mut self, title: &TitleId, now: Timestamp) {
        if let Some(wanted) = self.titles.get_mut(title) {
            let wait = AGAIN.scale(1 << wanted.failures.min(DOUBLINGS_MAX), 1);
            wanted.failures = wanted.failures.saturating_add(1);
            wanted.not_before = now + wait;
        }
    }

    /// What to do, given the copies there are; `room`: whether one more may boot.
    pub(crate) fn plan(&self, now: Timestamp, copies: &[CopyView], room: bool) -> Plan {
        let mut plan = Plan::default();
        let mut held: BTreeMap<&TitleId, u16> = BTreeMap::new();
        // What is ready is kept before what still boots.
        let mut sorted: Vec<&CopyView> = copies.iter().collect();
        sorted.sort_by_key(|copy| copy.booting);
        for copy in sorted {
            let id = &copy.of.title.id;
            let current = self.titles.get(id).is_some_and(|wanted| wanted.of == copy.of);
            let held = held.entry(id).or_default();
            if current && *held < self.wanted(&copy.of.title, now) {
                *held += 1;
            } else {
                plan.end.push(copy.id.clone());
            }
        }
        if room && !copies.iter().any(|copy| copy.booting) {
            plan.boot = self.next(now, &held);
        }
        plan
    }

    /// Of the titles that are short, the one with the smallest part of what is wanted.
    fn next(&self, now: Timestamp, held: &BTreeMap<&TitleId, u16>) -> Option<Installed> {
        let short = self.titles.values().filter_map(|wanted| {
            let n = self.wanted(&wanted.of.title, now);
            let has = held.get(&wanted.of.title.id).copied().unwrap_or(0);
            (has < n && wanted.not_before <= now).then(|| (u32::from(has) * 1_000 / u32::from(n), wanted))
        });
        short
            .min_by_key(|(part, _)| *part)
            .map(|(_, wanted)| wanted.of.clone())
    }

    /// What is wanted of each title and what there is of it.
    pub(crate) fn warm(&self, now: Timestamp, copies: &[CopyView]) -> Vec<Warm> {
        let count = |id: &TitleId, booting: bool| {
            let of = copies
                .iter()
                .filter(|copy| copy.of.title.id == *id && copy.booting == booting);
            u16::try_from(of.count()).unwrap_or(u16::MAX)
        };
        self.titles
            .iter()
            .map(|(id, wanted)| Warm {
                title: id.clone(),
                wanted: self.wanted(&wanted.of.title, now),
                parked: count(id, false),
                booting: count(id, true),
                boot: wanted.boot,
            })
            .collect()
    }
}

/// After the first failure; then twice as long each time.
const AGAIN: Micros = Micros::from_secs(5);
/// Up to five minutes.
const DOUBLINGS_MAX: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn installed(id: &str, parked: u16, profile: &str) -> Installed {
        let text = format!(
            "id = \"{id}\"\nname = \"x\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\nprofile = \"{profile}\"\n\
             [warm]\nparked = {parked}\n"
        );
        Installed {
            title: firstlight_title::parse(&text, Path::new("title.toml")).unwrap(),
            dir: id.into(),
            stamp: 1,
        }
    }

    fn copy(name: &str, of: &Installed, booting: bool) -> CopyView {
        CopyView {
            id: name.parse().unwrap(),
            of: of.clone(),
            booting,
        }
    }

    fn pool(installed: &[&Installed]) -> Pool {
        let mut pool = Pool::default();
        pool.install(installed.iter().map(|of| (*of).clone()).collect());
        pool
    }

    fn id(name: &str) -> SessionId {
        name.parse().unwrap()
    }

    #[test]
    fn the_shortest_title_boots_first_and_one_at_a_time() {
        let (a, b) = (installed("a", 2, "none"), installed("b", 1, "late"));
        let pool = pool(&[&a, &b]);
        let one = [copy("a1", &a, false)];
        assert_eq!(pool.plan(NOW, &one, true).boot, Some(b.clone()));
        assert_eq!(pool.plan(NOW, &one, false), Plan::default());
        let two = [copy("a1", &a, false), copy("b1", &b, true)];
        assert_eq!(pool.plan(NOW, &two, true), Plan::default());
        let two = [copy("a1", &a, false), copy("b1", &b, false)];
        assert_eq!(pool.plan(NOW, &two, true).boot, Some(a));
    }

    #[test]
    fn a_title_read_at_boot_is_never_parked() {
        let boot = installed("a", 3, "boot");
        let mut pool = pool(&[&boot]);
        pool.set("a".parse().unwrap(), Some(5));
        assert_eq!(pool.plan(NOW, &[], true).boot, None);
        assert_eq!(pool.plan(NOW, &[copy("a1", &boot, false)], true).end, [id("a1")]);
    }

    #[test]
    fn copies_of_what_changed_or_is_gone_end_and_are_replaced() {
        let (old, gone) = (installed("a", 1, "none"), installed("b", 1, "none"));
        let new = Installed {
            stamp: 2,
            ..old.clone()
        };
        let mut pool = pool(&[&old, &gone]);
        pool.install(vec![new.clone()]);
        let copies = [copy("a1", &old, false), copy("b1", &gone, false)];
        let plan = pool.plan(NOW, &copies, true);
        assert_eq!(plan.end, [id("a1"), id("b1")]);
        assert_eq!(plan.boot, Some(new));
    }

    #[test]
    fn a_surplus_ends_and_what_is_ready_stays() {
        let a = installed("a", 3, "none");
        let mut pool = pool(&[&a]);
        pool.set("a".parse().unwrap(), Some(1));
        let copies = [
            copy("young", &a, true),
            copy("a1", &a, false),
            copy("a2", &a, false),
        ];
        let mut end = pool.plan(NOW, &copies, true).end;
        end.sort();
        assert_eq!(end, [id("a2"), id("young")]);
        pool.set("a".parse().unwrap(), None);
        assert_eq!(pool.plan(NOW, &copies, true), Plan::default());
        assert_eq!(
            pool.warm(NOW, &copies),
            [Warm {
                title: "a".parse().unwrap(),
                wanted: 3,
                parked: 2,
                booting: 1,
                boot: None
            }]
        );
    }

    #[test]
    fn the_highest_ask_holds_until_it_lapses_and_within_the_manifests_bounds() {
        let (a, boot) = (installed("a", 1, "none"), installed("b", 1, "boot"));
        let mut pool = pool(&[&a, &boot]);
        let title: TitleId = "a".parse().unwrap();
        let s = Micros::from_secs;
        let wanted = |pool: &Pool, now| pool.warm(now, &[])[0].wanted;
        // Two indexers that do not quite agree.
        assert!(pool.ask(&title, 3, NOW + s(60), NOW));
        assert!(pool.ask(&title, 2, NOW + s(90), NOW));
        assert_eq!(wanted(&pool, NOW), 3);
        assert_eq!(wanted(&pool, NOW + s(60)), 2);
        assert_eq!(wanted(&pool, NOW + s(90)), 1);
        pool.ask(&title, 1000, NOW + s(60), NOW);
        assert_eq!(wanted(&pool, NOW), 4, "four times what it keeps anyway");
        pool.ask(&title, 0, NOW + s(500), NOW);
        assert_eq!(
            wanted(&pool, NOW + s(400)),
            1,
            "never fewer than the manifest says"
        );
        for n in 0..1000u64 {
            pool.ask(&title, u16::try_from(n % 7).unwrap(), NOW + s(n), NOW);
        }
        assert!(pool.titles[&title].asked.len() <= 5);
        pool.ask(&"b".parse().unwrap(), 3, NOW + s(60), NOW);
        assert_eq!(pool.warm(NOW, &[])[1].wanted, 0, "it is never parked");
        assert!(!pool.ask(&"c".parse().unwrap(), 3, NOW + s(60), NOW));
    }

    #[test]
    fn what_does_not_come_up_is_tried_ever_more_rarely_until_it_changes() {
        let a = installed("a", 1, "none");
        let mut pool = pool(&[&a]);
        let title = "a".parse().unwrap();
        let boots = |pool: &Pool, now| pool.plan(now, &[], true).boot.is_some();
        pool.on_failed(&title, NOW);
        assert!(!boots(&pool, NOW) && boots(&pool, NOW + AGAIN));
        pool.on_failed(&title, NOW);
        assert!(!boots(&pool, NOW + AGAIN) && boots(&pool, NOW + AGAIN + AGAIN));
        pool.install(vec![a.clone()]);
        assert!(!boots(&pool, NOW), "it is the same");
        pool.install(vec![Installed { stamp: 2, ..a }]);
        assert!(boots(&pool, NOW));
        pool.on_parked(&title, Micros::from_secs(4));
        pool.on_parked(&title, Micros::from_secs(2));
        assert_eq!(pool.warm(NOW, &[])[0].boot, Some(Micros::from_secs(3)));
        pool.on_failed(&title, NOW);
        assert!(boots(&pool, NOW + AGAIN));
    }
}

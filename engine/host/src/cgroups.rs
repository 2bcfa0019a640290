//! The cgroup of each session, where this machine grants one: what freezes, counts and ends all its processes at once.

use firstlight_units::SessionId;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Where sessions' cgroups are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroups {
    parent: PathBuf,
    version: CgroupVersion,
}

/// Which kind of cgroup freezes sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupVersion {
    /// `cgroup.freeze`, alone or beside version 1.
    Two,
    /// The freezer of version 1.
    One,
}

impl fmt::Display for CgroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Two => "v2",
            Self::One => "v1 freezer",
        })
    }
}

impl Cgroups {
    /// Looks for a place below this process's own group where groups can be made.
    ///
    /// # Errors
    /// Why there is none, for the operator.
    pub fn find() -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|e| e.to_string())?;
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|e| e.to_string())?;
        let places = places(&mounts, &own);
        let mut why = "no cgroup with a freezer is mounted".to_owned();
        for (folder, version) in places {
            match try_make(&folder, version) {
                Ok(parent) => return Ok(Self { parent, version }),
                Err(refusal) => why = format!("{}: {refusal}", folder.display()),
            }
        }
        Err(why)
    }

    /// Which kind it is.
    #[must_use]
    pub fn version(&self) -> CgroupVersion {
        self.version
    }

    /// Makes the group of a session.
    pub(crate) fn make(&self, session: &SessionId) -> std::io::Result<PathBuf> {
        let folder = self.parent.join(session.as_str());
        // The parent goes when an engine stops; another one on this machine may have been that engine.
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Removes the parent if no session, of this engine or another, has a group in it.
    pub fn leave(&self) {
        if let Err(error) = fs::remove_dir(&self.parent) {
            tracing::debug!(path = %self.parent.display(), %error, "the cgroup stays");
        }
    }
}

fn try_make(folder: &Path, version: CgroupVersion) -> Result<PathBuf, String> {
    let parent = folder.join(NAME);
    let probe = parent.join(format!("probe{}", std::process::id()));
    fs::create_dir_all(&probe).map_err(|e| e.to_string())?;
    let freezer = match version {
        CgroupVersion::Two => "cgroup.freeze",
        CgroupVersion::One => "freezer.state",
    };
    let usable = probe.join(freezer).exists();
    fs::remove_dir(&probe).map_err(|e| e.to_string())?;
    if usable {
        Ok(parent)
    } else {
        drop(fs::remove_dir(&parent));
        Err(format!("it has no {freezer}"))
    }
}

/// This process's own groups that could freeze, the better first.
fn places(mountinfo: &str, own: &str) -> Vec<(PathBuf, CgroupVersion)> {
    let own_path = |wanted: fn(&str) -> bool| {
        own.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            wanted(controllers).then_some(path)
        })
    };
    let two = own_path(str::is_empty);
    let one = own_path(|controllers| controllers.split(',').any(|c| c == "freezer"));
    let mut places = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let mut left = left.split(' ').skip(3);
        let (Some(root), Some(point)) = (left.next(), left.next()) else {
            continue;
        };
        let mut right = right.split(' ');
        let (kind, options) = (right.next().unwrap_or_default(), right.nth(1).unwrap_or_default());
        let freezer = options.split(',').any(|option| option == "freezer");
        let (path, version) = match kind {
            "cgroup2" => (two, CgroupVersion::Two),
            "cgroup" if freezer => (one, CgroupVersion::One),
            _ => continue,
        };
        // A container sees its own group as the root of the mount, or the whole path: both occur.
        let below = path.map(|path| path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path));
        let below = below.unwrap_or_default().trim_start_matches('/');
        places.push((Path::new(point).join(below), version));
    }
    places.sort_by_key(|(_, version)| *version == CgroupVersion::One);
    places
}

/// The group that holds the sessions' groups.
const NAME: &str = "firstlight";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn version_two_comes_first_also_beside_version_one() {
        let mounts = "37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer\n\
                      36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let own = "6:freezer:/a\n5:devices:/\n0::/b/c\n";
        assert_eq!(
            places(mounts, own),
            [
                ("/sys/fs/cgroup/unified/b/c".into(), CgroupVersion::Two),
                ("/sys/fs/cgroup/freezer/a".into(), CgroupVersion::One)
            ]
        );
    }

    #[test]
    fn a_container_whose_mount_is_its_group_looks_in_its_root() {
        let mounts = "30 29 0:26 /docker/x /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n";
        assert_eq!(
            places(mounts, "0::/docker/x\n"),
            [("/sys/fs/cgroup".into(), CgroupVersion::Two)]
        );
    }

    proptest! {
        #[test]
        fn anything_may_be_in_proc(mounts in "(.{0,80}\n){0,4}", own in "(.{0,40}\n){0,4}") {
            let _places = places(&mounts, &own);
        }
    }
}

//! Ids and times of `units` in JSON: ids as text, times as microseconds.

use firstlight_units::WallTime;
use serde::{Deserialize, Deserializer, Serializer, de};
use std::fmt::Display;
use std::str::FromStr;

pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(from)?;
    text.parse().map_err(de::Error::custom)
}

/// A moment.
pub(crate) mod wall {
    use super::{Deserialize, Deserializer, Serializer, WallTime};

    pub(crate) fn serialize<S: Serializer>(value: &WallTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.as_micros())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<WallTime, D::Error> {
        u64::deserialize(from).map(WallTime::from_micros)
    }
}

/// A moment that may be missing.
pub(crate) mod wall_option {
    use super::{Deserialize, Deserializer, Serializer, WallTime};

    pub(crate) fn serialize<S: Serializer>(value: &Option<WallTime>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.serialize_some(&value.as_micros()),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<WallTime>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(WallTime::from_micros))
    }
}

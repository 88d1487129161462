//! When a rule holds: days of the week and hours in a time zone.

use jiff::{
    Timestamp,
    civil::Weekday,
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::Deserialize;

/// As it is written in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// `mon`, or a span of days such as `mon..fri`. `None` = every day.
    days: Option<Vec<String>>,
    /// `08:00`. `None` = from midnight.
    from: Option<String>,
    /// `18:00`, the first minute that is over. `None` = to midnight.
    to: Option<String>,
    /// Name in the IANA database. `None` = UTC.
    zone: Option<String>,
}

#[derive(Debug)]
pub struct Times {
    /// By days since Monday.
    days: [bool; 7],
    /// Minutes since midnight.
    from: i16,
    /// Less than `from` = on the next day.
    to: i16,
    zone: TimeZone,
    zone_name: String,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_OF_A_DAY: i16 = 24 * 60;

impl Times {
    pub fn parse(written: &Written) -> Result<Self, String> {
        let from = written.from.as_deref().map_or(Ok(0), minutes)?;
        let to = written.to.as_deref().map_or(Ok(MINUTES_OF_A_DAY), minutes)?;
        if from == to || from == MINUTES_OF_A_DAY {
            return Err("`from` and `to` leave no time between them".to_owned());
        }
        let zone_name = written.zone.clone().unwrap_or_else(|| "UTC".to_owned());
        let zone = TimeZoneDatabase::bundled().get(&zone_name);
        let zone = zone.map_err(|_| format!("`{zone_name}` is no time zone, such as UTC or Europe/Vienna"))?;
        Ok(Self { days: days(written.days.as_deref())?, from, to, zone, zone_name })
    }

    /// Why `now` is outside. `None` = it is within. Hours past midnight belong to the day that they began on.
    pub fn unmet(&self, now: Timestamp) -> Option<String> {
        let here = now.to_zoned(self.zone.clone());
        let minute = i16::from(here.hour()) * 60 + i16::from(here.minute());
        let has = |day: Weekday| self.days[usize::from(day.to_monday_zero_offset().unsigned_abs())];
        let is_within = if self.from < self.to {
            has(here.weekday()) && (self.from..self.to).contains(&minute)
        } else {
            has(here.weekday()) && minute >= self.from || has(here.weekday().previous()) && minute < self.to
        };
        let day = DAYS[usize::from(here.weekday().to_monday_zero_offset().unsigned_abs())];
        (!is_within).then(|| format!("{day} {:02}:{:02} {} is outside", here.hour(), here.minute(), self.zone_name))
    }
}

fn days(written: Option<&[String]>) -> Result<[bool; 7], String> {
    let Some(written) = written else { return Ok([true; 7]) };
    let number = |name: &str| {
        let found = DAYS.iter().position(|day| *day == name);
        found.ok_or_else(|| format!("`{name}` is no day; days are {}, and spans such as mon..fri", DAYS.join(", ")))
    };
    let mut days = [false; 7];
    for name in written {
        let (first, last) = name.split_once("..").unwrap_or((name, name));
        let (first, last) = (number(first)?, number(last)?);
        for step in 0..=(last + 7 - first) % 7 {
            days[(first + step) % 7] = true;
        }
    }
    if days == [false; 7] { Err("`days` names no day".to_owned()) } else { Ok(days) }
}

/// Minutes since midnight of `08:30`; `24:00` is the midnight that ends the day.
fn minutes(text: &str) -> Result<i16, String> {
    let wrong = || format!("`{text}` is no time of day, such as 08:30");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let two_digits = |part: &str| {
        let is_number = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i16>().ok().filter(|_| is_number)
    };
    let (hour, minute) = (two_digits(hour).ok_or_else(wrong)?, two_digits(minute).ok_or_else(wrong)?);
    let is_time = hour < 24 && minute < 60 || (hour, minute) == (24, 0);
    if is_time { Ok(hour * 60 + minute) } else { Err(wrong()) }
}

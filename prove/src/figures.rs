//! Figures: time, percentiles, and what a process takes.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::failure::{Failure, Result};

/// The kernel tells processor time in hundredths of a second, whatever its own tick is.
const TICKS_A_SECOND: f64 = 100.0;

/// One clock for a whole proof: microseconds since 1970, which never go back.
///
/// The server's `recordedAt` is of the same machine, so both may be compared.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    wall: Duration,
}

impl Clock {
    /// Reads the machine's clock, once.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// Now.
    pub fn micros(&self) -> u64 {
        whole((self.wall + self.started.elapsed()).as_micros())
    }

    /// A moment as tokio's timers know it.
    pub fn instant(&self, micros: u64) -> Instant {
        self.started + Duration::from_micros(micros).saturating_sub(self.wall)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// A number that is small enough in fact.
pub fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A count as a number to divide.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and microseconds are far below 2^52"
)]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// Rounded to two digits behind the point, to be read.
pub fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// Any number, different each time.
pub fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// Latencies in microseconds, sorted.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<u64>);

impl Latencies {
    /// Of these measurements.
    pub fn new(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        Self(micros)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The measurement that this share (of 100) does not exceed, in milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1) - 1;
        round(float(self.0.get(rank).copied().unwrap_or_default()) / 1000.0)
    }

    /// The usual three, in milliseconds.
    pub fn table(&self) -> Value {
        json!({ "p50": self.percentile(50), "p99": self.percentile(99), "max": self.percentile(100) })
    }
}

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => 0.0,
        even if even % 2 == 0 => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures[middle],
    }
}

/// A process's resident memory in KiB.
pub fn resident_kib(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .ok_or_else(|| Failure::new(format!("/proc/{process}/status tells no VmRSS")))
}

/// A process's resident memory when it has stopped moving, in KiB: the least of those 2 s in which it
/// moved by less than 1 %, or of the last 2 s after 20 s.
pub async fn settled_kib(process: u32) -> Result<u64> {
    let mut window = Vec::new();
    for _ in 0..80 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        window.push(resident_kib(process)?);
        let recent = &window[window.len().saturating_sub(8)..];
        let (least, greatest) = (recent.iter().min(), recent.iter().max());
        if let (8, Some(least), Some(greatest)) = (recent.len(), least, greatest)
            && (greatest - least) * 100 < *greatest
        {
            return Ok(*least);
        }
    }
    Ok(window.iter().rev().take(8).min().copied().unwrap_or_default())
}

/// The processor time a process has taken, in seconds, all its threads together.
pub fn processor_seconds(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the program's name in parentheses and may hold anything.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u32>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok((f64::from(user) + f64::from(system)) / TICKS_A_SECOND),
        _ => Err(Failure::new(format!(
            "/proc/{process}/stat tells no processor time"
        ))),
    }
}

/// Fails unless this process may open so many files, which its servers inherit.
pub fn need_files(count: usize) -> Result<()> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let allowed = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next())
        .unwrap_or_default();
    if allowed == "unlimited" || allowed.parse::<usize>().is_ok_and(|allowed| allowed >= count) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{count} open files are needed and {allowed} allowed: `ulimit -n {count}` first"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_measurement_that_was_made() {
        let latencies = Latencies::new((1..=200).rev().map(|ms| ms * 1000).collect());
        assert_eq!(
            latencies.table(),
            json!({ "p50": 100.0, "p99": 198.0, "max": 200.0 })
        );
        assert_eq!(
            Latencies::default().table(),
            json!({ "p50": 0.0, "p99": 0.0, "max": 0.0 })
        );
        assert!((median(vec![3.0, 1.0, 2.0, 10.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_process_is_measured() {
        let own = std::process::id();
        assert!(resident_kib(own).unwrap() > 500);
        assert!(processor_seconds(own).unwrap() >= 0.0);
        need_files(3).unwrap();
        assert!(need_files(usize::MAX).is_err());
    }
}

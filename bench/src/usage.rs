//! What a server, Postgres and the load generator take of the machine.

use std::fs;
use std::ops::Sub;

use plant_care_prove::database::Database;
use plant_care_prove::failure::{Failure, Result};
use plant_care_prove::figures::processor_seconds;

/// The kernel tells processor time in hundredths of a second, whatever its own tick is.
const TICKS_A_SECOND: f64 = 100.0;

/// The processes that are looked at, besides this one.
#[derive(Clone, Copy, Debug)]
pub struct Processes {
    /// The server.
    pub server: Option<u32>,
    /// Postgres's first process, whose children do the work.
    pub postmaster: u32,
}

/// Processor seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Of the server.
    pub server: f64,
    /// Of Postgres, all its processes together.
    pub postgres: f64,
    /// Of the load generator, which is this process.
    pub generator: f64,
}

impl Processes {
    /// A server and the Postgres below it.
    pub async fn new(server: Option<u32>, database: &Database) -> Result<Self> {
        Ok(Self {
            server,
            postmaster: postmaster(database).await?,
        })
    }

    /// What they have taken until now.
    pub fn spent(&self) -> Result<Spent> {
        Ok(Spent {
            server: self.server.map_or(Ok(0.0), processor_seconds)?,
            postgres: family_seconds(self.postmaster)?,
            generator: processor_seconds(std::process::id())?,
        })
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            server: self.server - earlier.server,
            postgres: self.postgres - earlier.postgres,
            generator: self.generator - earlier.generator,
        }
    }
}

/// The first process of the Postgres that holds a database; it must be of this machine.
pub async fn postmaster(database: &Database) -> Result<u32> {
    // Its own helpers, such as the checkpointer, are there as long as it is.
    let helpers = database
        .column::<i64>("SELECT pid::bigint FROM pg_stat_activity WHERE backend_type <> 'client backend'")
        .await?;
    for process in helpers {
        if let Ok(stat) = Stat::read(u32::try_from(process)?) {
            return Ok(stat.parent);
        }
    }
    Err(Failure::new("no process of Postgres is found on this machine"))
}

/// The processor time of a process and its children, in seconds, those that have ended included.
pub fn family_seconds(parent: u32) -> Result<f64> {
    let own = Stat::read(parent)?;
    let mut ticks = own.ticks + own.ended_ticks;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended since; then its parent has its time.
        if let Ok(stat) = Stat::read(process)
            && stat.parent == parent
        {
            ticks += stat.ticks;
        }
    }
    Ok(f64::from(ticks) / TICKS_A_SECOND)
}

/// The processor time of those of this process's children that have ended.
pub fn ended_children_seconds() -> Result<f64> {
    let own = Stat::read(std::process::id())?;
    Ok(f64::from(own.ended_ticks) / TICKS_A_SECOND)
}

/// What `/proc/PID/stat` says.
#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    ticks: u32,
    ended_ticks: u32,
}

impl Stat {
    fn read(process: u32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
        Self::parse(&text).ok_or_else(|| Failure::new(format!("/proc/{process}/stat: {text}")))
    }

    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses and may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |index: usize| fields.get(index)?.parse::<u32>().ok();
        Some(Self {
            parent: field(1)?,
            ticks: field(11)? + field(12)?,
            ended_ticks: field(13)? + field(14)?,
        })
    }
}

/// Has a process's greatest resident memory counted from now on.
pub fn forget_peak(process: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{process}/clear_refs"), "5")?)
}

/// A process's greatest resident memory, in KiB.
pub fn peak_kib(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|line| {
            let rest = line.strip_prefix("VmHWM:")?;
            rest.split_whitespace().next()?.parse().ok()
        })
        .ok_or_else(|| Failure::new(format!("/proc/{process}/status tells no VmHWM")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "7 (post) gres) S 3 7 7 0 -1 0 1 2 3 4 50 6 700 8 20 0 1 0 99";
        let stat = Stat {
            parent: 3,
            ticks: 56,
            ended_ticks: 708,
        };
        assert_eq!(Stat::parse(text), Some(stat));
    }

    #[test]
    fn a_family_has_the_time_of_children_that_run_and_that_have_ended() {
        let own = std::process::id();
        let loops = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let before = family_seconds(own).unwrap();
        let run = |script: &str| {
            std::process::Command::new("sh")
                .args(["-c", script])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        let mut ended = run(loops);
        ended.wait().unwrap();
        let after_one = family_seconds(own).unwrap();
        assert!(after_one > before);
        // It says that it has worked and then waits for its input to end.
        let mut waits = run(&format!("{loops}; echo; read x"));
        std::io::Read::read_exact(waits.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        assert!(family_seconds(own).unwrap() > after_one);
        drop(waits.stdin.take());
        waits.wait().unwrap();
    }

    #[test]
    fn a_peak_is_counted_from_when_it_was_forgotten() {
        let own = std::process::id();
        let block = vec![1_u8; 64 << 20];
        let high = peak_kib(own).unwrap();
        assert!(high > 64 << 10 && block.contains(&1));
        drop(block);
        forget_peak(own).unwrap();
        assert!(peak_kib(own).unwrap() < high - (32 << 10));
    }
}

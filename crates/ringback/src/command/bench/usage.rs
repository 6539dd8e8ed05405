//! What the machine is and what processes use, read from `/proc`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use tokio::time::Instant;

/// Writes that are timed for [`Machine::sync_us`].
const SYNCS: usize = 15;

/// What a figure was measured on.
#[derive(Debug)]
pub(super) struct Machine {
    /// Model name of the processor.
    pub(super) cpu: String,
    /// Cores that this process may use.
    pub(super) cores: usize,
    /// Release of the kernel.
    pub(super) kernel: String,
    /// Median time of one synchronous write of 4 KiB, µs.
    pub(super) sync_us: u64,
}

/// Describes this machine; `dir` lies on the disk that the store uses.
///
/// # Errors
/// `/proc` cannot be read or the disk not be written.
pub(super) fn machine(dir: &Path) -> anyhow::Result<Machine> {
    let info = read("/proc/cpuinfo")?;
    let model = info
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(':'));
    Ok(Machine {
        cpu: model.map_or_else(
            || String::from("unknown"),
            |(_, name)| name.trim().to_owned(),
        ),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        sync_us: sync_us(dir)?,
    })
}

fn sync_us(dir: &Path) -> anyhow::Result<u64> {
    let path = dir.join("sync");
    let mut file = File::create(&path).context("measuring the disk")?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let started = Instant::now();
        file.write_all(&[0u8; 4_096])?;
        file.sync_data()?;
        times.push(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times.get(SYNCS / 2).copied().unwrap_or_default())
}

/// Processor time of a process so far, user and system, s.
///
/// # Errors
/// The process is gone.
pub(super) fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold blanks; the fields behind it are counted from 3 (proc(5)).
    let fields = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest)
        .unwrap_or_default();
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || {
        fields
            .next()
            .and_then(|f| f.parse::<f64>().ok())
            .context("/proc/<pid>/stat")
    };
    let (user, system) = (ticks()?, ticks()?);
    Ok((user + system) / per_second())
}

fn per_second() -> f64 {
    u32::try_from(rustix::param::clock_ticks_per_second()).map_or(100.0, f64::from)
}

/// Resident memory of a process now, MB of 1,048,576 bytes.
///
/// # Errors
/// The process is gone.
pub(super) fn rss_mb(pid: u32) -> anyhow::Result<f64> {
    let status = read(&format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .context("VmRSS")?;
    let kb: f64 = line
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .context("VmRSS")?;
    Ok(kb / 1_024.0)
}

/// Time of all processors since the machine started, s.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processor {
    /// Doing nothing or waiting for a disk.
    idle_s: f64,
    /// Taken by other guests of the host.
    steal_s: f64,
    /// All of it.
    all_s: f64,
}

/// What the processors have done so far.
///
/// # Errors
/// `/proc/stat` cannot be read.
pub(super) fn processor() -> anyhow::Result<Processor> {
    let stat = read("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat")?;
    let ticks = line
        .split_whitespace()
        .skip(1)
        .filter_map(|t| t.parse::<f64>().ok());
    let seconds: Vec<f64> = ticks.map(|t| t / per_second()).collect();
    // user nice system idle iowait irq softirq steal; the guest columns are part of user.
    let at = |column: usize| seconds.get(column).copied().unwrap_or_default();
    Ok(Processor {
        idle_s: at(3) + at(4),
        steal_s: at(7),
        all_s: seconds.iter().take(8).sum(),
    })
}

impl Processor {
    /// Share of the time since an earlier reading that other guests of the host took, %.
    pub(super) fn steal_pct(self, before: Self) -> f64 {
        self.share(before, self.steal_s - before.steal_s)
    }

    /// Share of the time since an earlier reading in which processes other than those that used
    /// `own_s` kept the processors busy, %.
    pub(super) fn others_pct(self, before: Self, own_s: f64) -> f64 {
        let idle_s = self.idle_s - before.idle_s;
        let steal_s = self.steal_s - before.steal_s;
        let busy_s = self.all_s - before.all_s - idle_s - steal_s;
        self.share(before, (busy_s - own_s).max(0.0))
    }

    fn share(self, before: Self, part_s: f64) -> f64 {
        let all_s = self.all_s - before.all_s;
        if all_s <= 0.0 {
            0.0
        } else {
            100.0 * part_s / all_s
        }
    }
}

/// The value of a metric without labels, or the sum over its labels.
pub(super) fn metric(text: &str, name: &str) -> Option<f64> {
    let values: Vec<f64> = text
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let rest = match rest.strip_prefix('{') {
                Some(labels) => labels.split_once('}')?.1,
                None => rest,
            };
            rest.strip_prefix(' ')?.split(' ').next()?.parse().ok()
        })
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

fn read(path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_with_and_without_labels() {
        let text = "# TYPE a gauge\na 1.5\na_b 7\nc{x=\"1\"} 2\nc{x=\"2\"} 3\n# EOF\n";
        assert_eq!(metric(text, "a"), Some(1.5));
        assert_eq!(metric(text, "c"), Some(5.0));
        assert_eq!(metric(text, "d"), None);
    }

    #[test]
    fn this_process_has_memory_and_time() {
        assert!(rss_mb(std::process::id()).unwrap() > 0.5);
        assert!(cpu_s(std::process::id()).unwrap() >= 0.0);
        let now = processor().unwrap();
        assert!(now.all_s > now.idle_s && now.steal_pct(now) == 0.0);
    }

    #[test]
    fn what_others_use_is_neither_ours_nor_idle_nor_stolen() {
        let at = |idle_s, steal_s, all_s| Processor {
            idle_s,
            steal_s,
            all_s,
        };
        let (before, after) = (at(10.0, 1.0, 100.0), at(40.0, 2.0, 200.0));
        assert_eq!(after.steal_pct(before), 1.0);
        assert_eq!(after.others_pct(before, 20.0), 49.0);
        assert_eq!(after.others_pct(before, 90.0), 0.0);
    }
}

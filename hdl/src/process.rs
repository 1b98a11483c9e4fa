//! Tools as processes, with a limit on their time.

use std::io;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// Runs a command to its end; `None` when it took longer than `limit` and was ended.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Option<ExitStatus>> {
    run_while(command, |start, _| start.elapsed() < limit)
}

/// A tool on a busy machine gets no less than this part of a processor.
const LEAST_SHARE: u32 = 20;

/// The same for a limit on the processor's time, so that what a search finds does not depend on what else the machine does;
/// on elapsed time where the system does not tell.
pub fn run_busy(command: &mut Command, limit: Duration) -> io::Result<Option<ExitStatus>> {
    run_while(command, |start, process| {
        let elapsed = start.elapsed();
        busy(process).unwrap_or(elapsed) < limit && elapsed < limit.saturating_mul(LEAST_SHARE)
    })
}

fn run_while(
    command: &mut Command,
    may_go_on: impl Fn(Instant, u32) -> bool,
) -> io::Result<Option<ExitStatus>> {
    let mut child = command.spawn()?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if !may_go_on(start, child.id()) {
            // It may have ended by itself meanwhile.
            let _ = child.kill();
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Processor time of a process, as Linux says it (`man 5 proc`): in hundredths of a second, the eleventh and twelfth number
/// behind the name, which may have brackets in it.
fn busy(process: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks()? + ticks()?)))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_waits_is_not_busy() {
        let limit = Duration::from_millis(500);
        let shell = |text: &str| run_busy(Command::new("sh").args(["-c", text]), limit).unwrap();
        assert!(shell("sleep 0.5").is_some_and(|status| status.success()));
        assert_eq!(shell("while :; do :; done"), None);
        assert_eq!(run(Command::new("sleep").arg("9"), limit).unwrap(), None);
    }
}

//! Ctrl-C and TERM: whatever tool is running ends too, and no temporary file stays behind.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, getpid, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static ENDING: AtomicBool = AtomicBool::new(false);

/// Puts all temporary files of this run into one folder, which goes with the returned handle, and with the process when a
/// signal ends it. The exit status is then 128 and the number of the signal, as shells have it.
pub fn guard() -> Result<tempfile::TempDir> {
    let scratch = tempfile::Builder::new().prefix("sterna-").tempdir().context("no temporary folder")?;
    // Refused only if set before: this is the first statement of the program.
    let _ = tempfile::env::override_temp_dir(scratch.path());
    let folder: PathBuf = scratch.path().into();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("signals cannot be handled")?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            ENDING.store(true, Ordering::SeqCst);
            end(&folder);
            // Whoever read this may be gone, too.
            let _ = writeln!(std::io::stderr(), "interrupted");
            std::process::exit(128 + signal);
        }
    });
    Ok(scratch)
}

/// Returns unless a signal is ending the process: an error that comes of a tool being ended is not worth reporting.
pub fn settle() {
    while ENDING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Ends all tools, then removes `folder`; again while a tool that is still ending writes into it.
fn end(folder: &Path) {
    for _ in 0..50 {
        let running = descendants(getpid());
        for process in &running {
            // It may have ended by itself.
            let _ = kill_process(*process, Signal::TERM);
        }
        let removed = fs::remove_dir_all(folder).is_ok() || !folder.exists();
        if running.is_empty() && removed {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Processes started by `root` and by those in turn, as the process file system tells; none where there is no such thing.
fn descendants(root: Pid) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok()) {
        // `PID (NAME) STATE PARENT ...`, where NAME may hold anything; an ended process waiting for its parent is `Z`.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        if let (Some(state), Some(Ok(parent))) = (fields.next(), fields.next().map(str::parse))
            && state != "Z"
        {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root.as_raw_nonzero().get()];
    let mut at = 0;
    while at < found.len() {
        found.extend(children.get(&found[at]).into_iter().flatten());
        at += 1;
    }
    found.into_iter().skip(1).filter_map(Pid::from_raw).collect()
}

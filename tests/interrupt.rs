//! A signal ends everything: tools that run, temporary files, half-written output.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::util::{Folder, command, has, small_network};

#[test]
#[cfg(target_os = "linux")]
fn a_signal_leaves_no_process_and_no_file() {
    if !has("yosys", "-V") {
        return;
    }
    for (signal, status) in [("-TERM", 143), ("-INT", 130)] {
        let folder = Folder::new();
        let network = folder.put("net.sterna", small_network());
        let scratch = folder.put("tmp/.keep", "").parent().unwrap().to_path_buf();
        let mut command = command(folder.path(), &["synth", network.to_str().unwrap(), "--unrolled"]);
        let mut running =
            command.env("TMPDIR", &scratch).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", running.id());
        let tool = || std::fs::read_to_string(&children).unwrap_or_default().trim().to_string();
        let start = Instant::now();
        // Long enough for a busy machine; the first thing that runs for long is Yosys.
        let mut waited = 0;
        while waited < 5 {
            assert!(start.elapsed() < Duration::from_secs(60), "no tool was started");
            std::thread::sleep(Duration::from_millis(20));
            waited = if tool().is_empty() { 0 } else { waited + 1 };
        }
        let yosys = tool();
        // Nobody listens any more, as when a whole pipeline is ended.
        drop(running.stderr.take());
        let id = running.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert_eq!(running.wait().unwrap().code(), Some(status));
        let names: Vec<_> = std::fs::read_dir(&scratch).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [".keep"]);
        for pid in yosys.split_whitespace() {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            assert!(state.is_empty() || state.contains(") Z "), "still running: {state}");
        }
    }
}

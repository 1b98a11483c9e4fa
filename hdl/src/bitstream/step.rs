//! One tool of the flow.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::process;
use crate::route::Error;

/// A tool, its arguments, and the files it reads and makes inside the working folder.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its variable in a Makefile.
    pub role: &'static str,
    /// Programs that do it, the preferred one first.
    pub tools: &'static [&'static str],
    /// Where they come from.
    pub remedy: &'static str,
    /// Arguments.
    pub words: Vec<String>,
    /// Files it reads.
    pub reads: Vec<String>,
    /// The file it makes.
    pub makes: String,
    /// Its log; its standard error goes there unless it writes the log itself.
    pub log: String,
}

impl Step {
    /// The program on the PATH.
    pub fn program(&self) -> Result<PathBuf, Error> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let places = self.tools.iter().flat_map(|tool| folders.iter().map(move |f| f.join(tool)));
        let missing =
            Error::Missing { tool: self.tools[0], other: self.tools[1].into(), remedy: self.remedy };
        places.into_iter().find(|p| p.is_file()).ok_or(missing)
    }

    /// Runs it, unless program, arguments and input are those that made the file that is there; whether it ran.
    pub fn run(&self, folder: &Path, limit: Duration, device: &str) -> Result<bool, Error> {
        let program = self.program()?;
        let (made, log) = (folder.join(&self.makes), folder.join(&self.log));
        let mark = folder.join(format!("{}.sha256", self.makes));
        let key = self.key(&program, folder)?;
        if made.is_file() && fs::read_to_string(&mark).is_ok_and(|old| old == key) {
            return Ok(false);
        }
        // Neither must be taken for this run's, should it fail.
        for old in [&mark, &made, &log] {
            let _ = fs::remove_file(old);
        }
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::Io { path, source }
        };
        let own_log = self.words.iter().any(|word| word == "-l");
        // There is a log to look at whatever happens.
        let file = File::create(&log).map_err(io(&log))?;
        let printed = if own_log { Stdio::null() } else { Stdio::from(file) };
        let mut command = Command::new(&program);
        command.args(&self.words).current_dir(folder).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(printed);
        let status = process::run(&mut command, limit).map_err(io(&program))?;
        let (tool, device) = (self.tools[0].to_string(), device.to_string());
        let Some(status) = status else {
            return Err(Error::TimedOut { tool, device, seconds: limit.as_secs(), log });
        };
        if !status.success() || !made.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
            let said = text.lines().find_map(|l| l.split_once("ERROR: ").map(|(_, what)| what));
            let said = said.or_else(|| text.lines().rfind(|l| !l.trim().is_empty()).filter(|_| !own_log));
            let what = said.map_or(format!("it ended with {status}"), str::to_string);
            return Err(Error::Failed { tool, device, what, log });
        }
        fs::write(&mark, key).map_err(io(&mark))?;
        Ok(true)
    }

    /// What the file made depends on.
    fn key(&self, program: &Path, folder: &Path) -> Result<String, Error> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::Io { path, source }
        };
        let data = fs::metadata(program).map_err(io(program))?;
        let age = data.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(format!("{} {} {age:?} {:?}", program.display(), data.len(), self.words));
        for name in &self.reads {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(io(&path))?;
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

//! Running the command and judging what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A folder for one test, gone with it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::Builder::new().prefix("sterna-test-").tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// `sterna` run inside the folder.
    pub fn sterna(&self, args: &[&str]) -> Output {
        command(self.path(), args).output().unwrap()
    }

    /// `sterna` that must end with status 0.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.sterna(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "sterna {args:?}: {:?}\n{out}\n{err}", output.status);
        out
    }

    /// `sterna --json` that must end with `status`.
    #[track_caller]
    pub fn json(&self, status: i32, args: &[&str]) -> serde_json::Value {
        let output = self.sterna(&[args, &["--json"]].concat());
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "sterna {args:?}:\n{out}\n{err}");
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("sterna {args:?}: {e}\n{out}"))
    }

    /// Names of everything in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// The command, run in `folder`, with no data directory from outside.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sterna"));
    command.args(args).current_dir(folder).env_remove("STERNA_DATA");
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether `tool` is there. Its absence skips loudly, and fails under CI.
pub fn has(tool: &str, flag: &str) -> bool {
    let found = Command::new(tool).arg(flag).output().is_ok_and(|o| o.status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{tool} is missing under CI; scripts/setup.sh installs it");
        eprintln!("SKIPPED: {tool} is not on the PATH; scripts/setup.sh installs it");
    }
    found
}

/// Text of a small trained network (built-in digits, two hidden layers of 16), trained once for all tests.
pub fn small_network() -> &'static str {
    static NETWORK: OnceLock<String> = OnceLock::new();
    NETWORK.get_or_init(|| {
        let folder = Folder::new();
        folder.ok(&["train", "digits:600,200", "--hidden", "16,16", "--epochs", "3", "-o", "small.sterna"]);
        std::fs::read_to_string(folder.join("small.sterna")).unwrap()
    })
}

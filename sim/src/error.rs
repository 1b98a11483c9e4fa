//! Errors of the simulators.

/// What can go wrong while simulating or verifying. A circuit that differs from its description is no error but a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A sample does not fit the design's input.
    #[error("sample {sample}: {what}")]
    Sample {
        /// Index of the sample.
        sample: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A circuit stopped moving.
    #[error("the simulated circuit is stuck: {0}")]
    Stuck(String),
    /// A request that cannot be followed.
    #[error("{0}")]
    Request(String),
    /// A tool is not installed.
    #[error("{tool} is not installed or not in PATH; scripts/setup.sh installs it")]
    Missing {
        /// The program.
        tool: String,
    },
    /// A Verilog simulator refused the Verilog, or the model did not compile.
    #[error("{tool} cannot build {top}:\n{message}")]
    Build {
        /// The simulator.
        tool: &'static str,
        /// Top module.
        top: String,
        /// First lines of the tool's message.
        message: String,
    },
    /// Verilator's lint complained.
    #[error("lint of {top}:\n{message}")]
    Lint {
        /// Top module.
        top: String,
        /// First lines of the tool's message.
        message: String,
    },
    /// The compiled model ended badly.
    #[error("the Verilog model of {top} failed ({status}): {message}")]
    Model {
        /// Top module.
        top: String,
        /// Exit status or what was wrong with its answer.
        status: String,
        /// Its last lines.
        message: String,
    },
    /// Reading or writing failed.
    #[error("{what}: {source}")]
    Io {
        /// File or purpose.
        what: String,
        /// Cause.
        source: std::io::Error,
    },
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let what = what.into();
        move |source| Error::Io { what, source }
    }
}

//! What may be typed: the commands and their flags. What they mean is in the files beside this one.

mod budget;
mod compare;
mod compile;
mod data;
mod demo;
mod design;
mod estimate;
mod explore;
mod export;
mod formal;
mod host;
mod import;
mod info;
mod mutants;
mod ranges;
mod report;
mod samples;
mod simulate;
mod synth;
mod train;
mod verify;

use clap::{Parser, Subcommand};

use crate::choices;
use crate::ui::{Outcome, Ui};

const EXAMPLES: &str = "\
Examples:
  sterna demo                                        the whole road on the built-in digits
  sterna train mnist -o digits.sterna                train on MNIST, 784-256-256-10, ternary weights
  sterna compile digits.sterna --pes 64 -o build     Verilog for 64 processing elements
  sterna compile digits.sterna --target ice40 --max-luts 5000   the fastest design that fits
  sterna verify build --data mnist --samples 1000    simulator against Verilator, cycle by cycle
  sterna synth build --family ecp5                   cell counts by Yosys, beside the estimate

Exit status: 0 done, 1 a check failed, 2 bad input or usage.";

/// Trains sparse ternary networks and compiles them to verified FPGA circuits.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Print results only: no progress, no notes.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Threads to use; results do not depend on it. Default: one per core.
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The whole road on built-in digits: train, compile, verify, synthesise, compare.
    Demo(demo::Args),
    /// Train a network on a data set and write it as integers.
    Train(Box<train::Args>),
    /// Turn a model of ONNX or QONNX into a network of integers.
    Import(import::Args),
    /// Turn a network into a model in QONNX, or its integers into arrays.
    Export(export::Args),
    /// Turn a network into Verilog, a test bench, constraints and a manifest.
    Compile(compile::Args),
    /// The designs of a network from smallest to fastest: cells against cycles.
    Explore(explore::Args),
    /// Run a design cycle by cycle on samples, with waveforms.
    Simulate(simulate::Args),
    /// Prove equality: network evaluator, simulator and Verilator on the same stimuli.
    Verify(verify::Args),
    /// LUT, FF, memory, latency and rate by the cost model.
    Estimate(estimate::Args),
    /// Measure cell counts with Yosys, beside the estimate.
    Synth(synth::Args),
    /// Send samples to a board over its serial port and compare its answers with the network.
    Host(Box<host::Args>),
    /// Train every weight method by one recipe and show them side by side.
    Compare(Box<compare::Args>),
    /// Write a report to look at, as HTML: of a network, a build folder or a comparison.
    Report(report::Args),
    /// Describe a network file or a build folder.
    Info(info::Args),
}

/// Runs the command line that was parsed.
pub fn run(cli: Cli) -> anyhow::Result<Outcome> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = cli.threads {
        pool = pool.num_threads(choices::threads(threads)?);
    }
    pool.build_global()?;
    let ui = Ui::new(cli.json, cli.quiet);
    match &cli.command {
        Command::Demo(args) => demo::run(args, &ui),
        Command::Train(args) => train::run(args, &ui),
        Command::Import(args) => import::run(args, &ui),
        Command::Export(args) => export::run(args, &ui),
        Command::Compile(args) => compile::run(args, &ui),
        Command::Explore(args) => explore::run(args, &ui),
        Command::Simulate(args) => simulate::run(args, &ui),
        Command::Verify(args) => verify::run(args, &ui),
        Command::Estimate(args) => estimate::run(args, &ui),
        Command::Synth(args) => synth::run(args, &ui),
        Command::Host(args) => host::run(args, &ui),
        Command::Compare(args) => compare::run(args, &ui),
        Command::Report(args) => report::run(args, &ui),
        Command::Info(args) => info::run(args, &ui),
    }
}

impl Cli {
    /// Whether `--json` was given, so that errors too are JSON.
    pub fn wants_json(&self) -> bool {
        self.json
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_flags_of_every_command_fit_together() {
        super::Cli::command().debug_assert();
    }
}

//! Co-simulation with Verilator of Verilog written by hand: equal, and every change found where it is.

use crate::common::designs::{self, ACCUMULATOR, WIDE, samples};
use sterna_ir::Design;
use sterna_sim::verilator::{
    Kind, Mismatch, Pins, Place, Signal, Source, StreamPins, VerifyReport, VerifyRequest, lint, verify,
    version,
};
use sterna_sim::{Error, Options};

/// Whether Verilator is there; a machine that must have it fails without.
fn ready() -> bool {
    let there = version().is_ok();
    if !there {
        assert!(std::env::var_os("CI").is_none(), "verilator is missing");
        eprintln!("SKIPPED: verilator is not installed");
    }
    there
}

fn ports(last: bool, input: Vec<Signal>, output: Vec<Signal>) -> Pins {
    let stream = |side: &str, data: Vec<Signal>| StreamPins {
        valid: Signal::bit(format!("{side}_axis_tvalid")),
        ready: Signal::bit(format!("{side}_axis_tready")),
        last: last.then(|| Signal::bit(format!("{side}_axis_tlast"))),
        data,
    };
    Pins {
        clock: "clk".into(),
        reset: Some("rst".into()),
        input: stream("s", input),
        output: stream("m", output),
    }
}

fn lanes(name: &str, count: u32, width: u32) -> Vec<Signal> {
    (0..count).map(|i| Signal::new(name, i * width, width)).collect()
}

fn probe(data: Vec<Signal>) -> StreamPins {
    StreamPins { valid: Signal::bit("full"), ready: Signal::bit("m_axis_tready"), last: None, data }
}

struct Case {
    design: Design,
    top: &'static str,
    pins: Pins,
    probe: StreamPins,
}

fn accumulator() -> Case {
    let pins = ports(false, lanes("s_axis_tdata", 1, 8), lanes("m_axis_tdata", 1, 1));
    Case { design: designs::accumulator(), top: "acc", pins, probe: probe(lanes("acc__sum", 1, 11)) }
}

fn wide() -> Case {
    let pins = ports(true, lanes("s_axis_tdata", 12, 7), lanes("m_axis_tdata", 12, 8));
    Case { design: designs::wide(), top: "wide", pins, probe: probe(lanes("tapped", 12, 8)) }
}

impl Case {
    fn verify(&self, text: &str, options: Options, folder: &std::path::Path) -> Result<VerifyReport, Error> {
        let sources = [Source { name: format!("{}.v", self.top), text: text.into() }];
        verify(
            &VerifyRequest {
                design: &self.design,
                sources: &sources,
                top: self.top,
                pins: &self.pins,
                probes: std::slice::from_ref(&self.probe),
                samples: &samples(&self.design, 700, 3),
                options,
                cache: &folder.join("cache"),
                processes: None,
                waveform: Some(&folder.join("wave.vcd")),
            },
            &|done, all| assert!(done <= all && all == 700),
        )
    }
}

fn stalled() -> Options {
    Options { segments: 5, stall_level: 70, seed: 11, ..Options::default() }
}

#[test]
fn verilog_written_by_hand_is_equal_in_every_cycle_and_built_once() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (case, text) in [(accumulator(), ACCUMULATOR), (wide(), WIDE)] {
        let first = case.verify(text, stalled(), folder.path()).unwrap();
        assert_eq!(
            (first.mismatch.clone(), first.cached, first.samples, first.streams),
            (None, false, 700, 3)
        );
        assert!(first.cycles > 700 && first.values >= 1400 && first.verilator.starts_with("Verilator"));
        let again = case.verify(text, Options::default(), folder.path()).unwrap();
        assert_eq!((again.mismatch, again.cached), (None, true));
    }
    // Nothing but the two models is left behind.
    assert_eq!(std::fs::read_dir(folder.path().join("cache")).unwrap().count(), 2);
    assert!(!folder.path().join("wave.vcd").exists());
}

fn mismatch(case: &Case, text: &str, change: (&str, &str), folder: &std::path::Path) -> Mismatch {
    assert!(text.contains(change.0));
    let report = case.verify(&text.replace(change.0, change.1), stalled(), folder).unwrap();
    report.mismatch.expect("the change is found")
}

#[test]
fn a_changed_constant_is_found_at_its_cycle_stream_and_element() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let case = accumulator();
    // A threshold: only the class differs, at the first sample whose sum is 3.
    let sum = |x: &Vec<i64>| x[0] + x[1] - x[2] + x[3];
    let all = samples(&case.design, 700, 3);
    let found = mismatch(&case, ACCUMULATOR, (">= 11'sd3", ">= 11'sd30"), folder.path());
    let first = all.iter().position(|x| (3..30).contains(&sum(x))).unwrap();
    assert_eq!((found.kind, found.place, found.sample), (Kind::Value, Place::Output, first));
    assert_eq!((found.signal.as_str(), found.element, found.expected, found.found), ("data", Some(0), 1, 0));
    let wave = std::fs::read_to_string(folder.path().join("wave.vcd")).unwrap();
    assert!(wave.contains(&format!("#{}", (found.cycle + 4) * 10)) && wave.contains(" s_axis_tdata "));
    // A weight: seen on the probe before the output, with signed values.
    let found = mismatch(&case, ACCUMULATOR, ("count == 2'd2", "count == 2'd1"), folder.path());
    let x = &all[found.sample];
    assert_eq!((found.place, found.element), (Place::Probe { probe: 0, layer: 0 }, Some(0)));
    assert_eq!((found.expected, found.found), (sum(x), x[0] - x[1] + x[2] + x[3]));
    assert!(found.to_string().starts_with("output of layer 0, data of element 0, sample "));
    // A handshake that never moves.
    let found = mismatch(
        &case,
        ACCUMULATOR,
        ("!full | m_axis_tready", "!full & m_axis_tready & 1'b0"),
        folder.path(),
    );
    assert_eq!((found.kind, found.place, found.signal.as_str()), (Kind::Stuck, Place::Input, "ready"));
    assert_eq!((found.sample, found.expected, found.found), (0, 1, 0));
    // One lane of a wide stream, in the beat that is full.
    let case = wide();
    let found =
        mismatch(&case, WIDE, ("q[95:64] <= 32'hdeadbeef", "q[95:56] <= 40'hdeadbeef00"), folder.path());
    assert_eq!((found.lane, found.element, found.found), (Some(7), Some(0), 0));
    assert_eq!(found.expected, samples(&case.design, 700, 3)[found.sample][0] + 1);
}

#[test]
fn what_cannot_be_built_or_asked_is_an_error() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut case = accumulator();
    let broken =
        case.verify(&ACCUMULATOR.replace("reg full;", "reg full"), stalled(), folder.path()).unwrap_err();
    let Error::Build { top, message } = &broken else { panic!("{broken}") };
    assert!(
        top == "acc" && message.contains("acc.v:5") && !message.contains(&*folder.path().to_string_lossy()),
        "{message}"
    );
    let crash = ACCUMULATOR.replace("wire go =", "initial $stop;\n  wire go =");
    let crash = case.verify(&crash, stalled(), folder.path()).unwrap_err();
    let Error::Model { message, .. } = &crash else { panic!("{crash}") };
    assert!(message.contains("$stop") || message.contains("stop"), "{message}");
    case.probe.data[0].name = "-x".into();
    assert!(
        matches!(case.verify(ACCUMULATOR, stalled(), folder.path()), Err(Error::Request(m)) if m.contains("\"-x\""))
    );
    case.probe.data[0] = Signal::new("acc__sum", 0, 10);
    assert!(
        matches!(case.verify(ACCUMULATOR, stalled(), folder.path()), Err(Error::Request(m)) if m.contains("10 bits"))
    );
    let named = |name: &str| [Source { name: name.into(), text: String::new() }];
    for name in ["", "-x.v", "a b.v", "../a.v", "$(x).v", "model.h"] {
        assert!(matches!(lint(&named(name), "acc"), Err(Error::Request(_))), "{name}");
    }
    assert!(
        std::fs::read_dir(folder.path().join("cache")).unwrap().all(|e| !e
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("part-"))
    );
}

#[test]
fn lint_passes_clean_verilog_and_names_the_fault() {
    if !ready() {
        return;
    }
    let source = |text: &str| [Source { name: "t.v".into(), text: text.into() }];
    lint(&source("module t(input wire [1:0] a, output wire [1:0] b);\n  assign b = a;\nendmodule\n"), "t")
        .unwrap();
    let width =
        lint(&source("module t(input wire [1:0] a, output wire b);\n  assign b = a;\nendmodule\n"), "t")
            .unwrap_err();
    assert!(
        matches!(&width, Error::Lint { message, .. } if message.contains("WIDTH") && message.contains("t.v:2")),
        "{width}"
    );
}

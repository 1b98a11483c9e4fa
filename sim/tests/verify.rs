//! Co-simulation with Verilator and Icarus of Verilog written by hand: equal, and every change found where it is.

use crate::common::cases::{Case, accumulator, has, ready, wide};
use crate::common::designs::{ACCUMULATOR, WIDE, samples};
use sterna_sim::verilator::{
    Fate, Kind, Mismatch, Place, Signal, Source, Tool, VerifyRequest, lint, mutants,
};
use sterna_sim::{Error, Options};

fn stalled() -> Options {
    Options { segments: 5, stall_level: 70, seed: 11, ..Options::default() }
}

#[test]
fn verilog_written_by_hand_is_equal_in_every_cycle_and_built_once() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tools = [(Tool::Verilator, "Verilator 5"), (Tool::Icarus, "Icarus Verilog")];
    let tools: Vec<_> = tools.into_iter().filter(|(tool, _)| has(*tool)).collect();
    for (tool, name) in &tools {
        for (case, text) in [(accumulator(), ACCUMULATOR), (wide(), WIDE)] {
            let first = case.verify_with(*tool, text, stalled(), folder.path()).unwrap();
            assert_eq!(
                (first.mismatch.clone(), first.cached, first.samples, first.streams, first.resets),
                (None, false, 700, 3, 4)
            );
            assert!(first.cycles > 700 && first.values >= 1400 && first.tool.starts_with(name), "{first:?}");
            let again = case.verify_with(*tool, text, Options::default(), folder.path()).unwrap();
            assert_eq!((again.mismatch, again.cached), (None, true));
        }
    }
    // Nothing but the models is left behind.
    assert_eq!(std::fs::read_dir(folder.path().join("cache")).unwrap().count(), 2 * tools.len());
    assert!(!folder.path().join("wave.vcd").exists());
}

#[test]
fn packets_cut_short_are_the_same_in_all_simulators() {
    let folder = tempfile::tempdir().unwrap();
    let case = wide();
    let harsh = Options { harsh: true, segments: 40, ..stalled() };
    for tool in [Tool::Verilator, Tool::Icarus].into_iter().filter(|tool| has(*tool)) {
        let report = case.verify_with(tool, WIDE, harsh, folder.path()).unwrap();
        assert_eq!(report.mismatch, None);
        // Nothing but a wrong packet is filled up.
        let bad = WIDE.replace("fill ? 84'd0 : s_axis_tdata", "s_axis_tdata");
        assert_eq!(case.verify_with(tool, &bad, stalled(), folder.path()).unwrap().mismatch, None);
        let found = case.verify_with(tool, &bad, harsh, folder.path()).unwrap().mismatch.unwrap();
        assert_eq!((found.kind, found.segment % 4), (Kind::Value, 1), "{found}");
    }
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
    assert_eq!(
        (found.signal.as_str(), found.element, found.expected, found.found),
        ("data", Some(0), 1, Some(0))
    );
    let wave = std::fs::read_to_string(folder.path().join("wave.vcd")).unwrap();
    assert!(wave.contains(&format!("#{}", (found.cycle + 4) * 10)) && wave.contains(" s_axis_tdata "));
    // A weight: seen on the probe before the output, with signed values.
    let found = mismatch(&case, ACCUMULATOR, ("count == 2'd2", "count == 2'd1"), folder.path());
    let x = &all[found.sample];
    assert_eq!((found.place, found.element), (Place::Probe { probe: 0, layer: 0 }, Some(0)));
    assert_eq!((found.expected, found.found), (sum(x), Some(x[0] - x[1] + x[2] + x[3])));
    assert!(found.to_string().starts_with("output of layer 0, data of element 0, sample "));
    // A handshake that never moves.
    let found = mismatch(
        &case,
        ACCUMULATOR,
        ("!full | m_axis_tready", "!full & m_axis_tready & 1'b0"),
        folder.path(),
    );
    assert_eq!((found.kind, found.place, found.signal.as_str()), (Kind::Stuck, Place::Input, "ready"));
    assert_eq!((found.sample, found.expected, found.found), (0, 1, Some(0)));
    // One lane of a wide stream, in the beat that is full.
    let case = wide();
    let found =
        mismatch(&case, WIDE, ("q[95:64] <= 32'hdeadbeef", "q[95:56] <= 40'hdeadbeef00"), folder.path());
    assert_eq!((found.lane, found.element, found.found), (Some(7), Some(0), Some(0)));
    assert_eq!(found.expected, samples(&case.design, 700, 3)[found.sample][0] + 1);
}

#[test]
fn a_missing_reset_is_found_in_mid_stream_and_as_an_unknown_value() {
    let folder = tempfile::tempdir().unwrap();
    let case = accumulator();
    let no_reset = ACCUMULATOR.replace("if (rst) count <= 2'd0; else if", "if");
    assert_ne!(no_reset, ACCUMULATOR);
    if has(Tool::Verilator) {
        let report = case.verify(&no_reset, stalled(), folder.path()).unwrap();
        assert!(report.mismatch.is_some());
    }
    if has(Tool::Icarus) {
        let report = case.verify_with(Tool::Icarus, &no_reset, stalled(), folder.path()).unwrap();
        let found = report.mismatch.unwrap();
        assert_eq!((found.found, found.segment, found.sample), (None, 0, 0));
        assert!(found.to_string().contains("an unknown value found"), "{found}");
    }
}

#[test]
fn a_small_stimulus_shows_the_same_difference() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let case = accumulator();
    let report = case.verify(&ACCUMULATOR.replace(">= 11'sd3", ">= 11'sd30"), stalled(), folder.path());
    let small = report.unwrap().reproduction.expect("it differs by itself");
    // One sample with a sum of 3 to 29, with no stalls and no reset in mid-stream.
    let x = &small.samples[0];
    assert_eq!((small.samples.len(), small.stall_level, small.before), (1, 0, 0));
    assert!((3..30).contains(&(x[0] + x[1] - x[2] + x[3])), "{x:?}");
    assert!(x.contains(&0), "an element can always be 0: {x:?}");
}

#[test]
fn mutants_are_chosen_by_number() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let case = accumulator();
    // 1 changes the threshold, 2 nothing, 3 is a loop.
    let number = "integer id; initial if (!$value$plusargs(\"id=%d\", id)) id = 0;";
    let text = ACCUMULATOR
        .replace("wire go =", &format!("{number}\n  wire go ="))
        .replace(">= 11'sd3", ">= (id == 1 ? 11'sd40 : id == 2 ? 11'sd3 : 11'sd3)")
        .replace("= !full | m_axis_tready", "= id == 3 ? !s_axis_tready : !full | m_axis_tready");
    let sources = [Source { name: "acc.v".into(), text }];
    let (samples, cache) = (samples(&case.design, 700, 3), folder.path().join("cache"));
    let request = VerifyRequest {
        tool: Tool::Verilator,
        design: &case.design,
        sources: &sources,
        top: case.top,
        pins: &case.pins,
        probes: std::slice::from_ref(&case.probe),
        samples: &samples,
        options: stalled(),
        cache: &cache,
        processes: None,
        waveform: None,
        names: None,
        before: None,
        minimise: false,
    };
    let fates = std::sync::Mutex::new(std::collections::BTreeMap::new());
    mutants(&request, "id", &[1, 2, 3], &|number, fate| _ = fates.lock().unwrap().insert(number, fate))
        .unwrap();
    let fates = fates.into_inner().unwrap();
    assert!(matches!(fates[&1], Fate::Killed { power_up: 0, .. }), "{fates:?}");
    assert_eq!(fates[&2], Fate::Survived);
    assert!(matches!(fates[&3], Fate::Crashed { .. } | Fate::Killed { .. }), "{fates:?}");
    // What differs with nothing broken cannot be judged.
    let wrong = [Source { text: sources[0].text.replace("11'sd3)", "11'sd9)"), ..sources[0].clone() }];
    let request = VerifyRequest { sources: &wrong, ..request };
    let error = mutants(&request, "id", &[1], &|_, _| ()).unwrap_err();
    assert!(error.to_string().contains("nothing broken"), "{error}");
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
    let Error::Build { top, message, .. } = &broken else { panic!("{broken}") };
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

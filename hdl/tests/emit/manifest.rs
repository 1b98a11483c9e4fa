//! The manifest and the constraints of a small design.

use sterna_hdl::constraints::constraints;
use sterna_hdl::manifest::{ClockEntry, LaneEntry, manifest, read, sha256};

use crate::golden::emit;
use crate::testbench::design;

#[test]
fn a_manifest_is_read_back_as_it_was_written() {
    let design = design();
    let emitted = emit(&design.netlist);
    let stages = vec![serde_json::json!({ "layer": 0, "kind": "unrolled" })];
    let clock =
        ClockEntry { constrained_khz: 100_000, planned_khz: Some(100_000), estimated_khz: Some(104_300) };
    let written = manifest(
        &design,
        &emitted,
        &emitted.files,
        ("my \"net\"\n", "{}"),
        serde_json::Value::Null,
        (stages, Some(clock)),
    );
    assert_eq!(read(&written.to_text()).unwrap(), written);
    assert_eq!(written.files[0].sha256, sha256(&emitted.files[0].text));
    // FIPS 180-2, the empty message.
    assert!(sha256("").starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
    assert_eq!((written.clock.as_deref(), written.reset.as_deref()), (Some("clk"), Some("rst")));
    let lane = |lsb| LaneEntry { port: "s_axis_tdata".into(), lsb, width: 4, signed: true };
    assert_eq!(written.input.lanes, [lane(0), lane(4)]);
    assert_eq!((written.input.beats, &written.input.order[..]), (2, &[1, 0, 2][..]));
    assert_eq!(written.output.valid, "outgoing");
}

#[test]
fn bad_manifests_are_refused() {
    let design = design();
    let emitted = emit(&design.netlist);
    let text =
        manifest(&design, &emitted, &emitted.files, ("net", "{}"), serde_json::Value::Null, (vec![], None))
            .to_text();
    for (bad, words) in [
        (text[..text.len() / 2].to_string(), "manifest: EOF"),
        (text.replace("\"version\": 1", "\"version\": 2"), "version: 2; this program reads version 1"),
        (text.replace("sterna-manifest", "sterna-network"), "format: \"sterna-network\"; a manifest says"),
        (text.replace("\"latency\"", "\"delay\""), "unknown field `delay`"),
        ("[]".to_string(), "format: null"),
    ] {
        let error = read(&bad).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn constraints_name_the_clock_and_every_port() {
    let emitted = emit(&design().netlist);
    let files = constraints(&emitted, 66_667);
    let names: Vec<&str> = files.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["sums.sdc", "sums.xdc"]);
    let text = &files[0].text;
    assert!(text.contains("create_clock -name clk -period 14.999 [get_ports clk]"), "{text}");
    assert!(text.contains("set_input_delay  -clock clk 0.000 [get_ports {s_axis_tdata[*]}]"), "{text}");
    assert!(text.contains("set_output_delay -clock clk 0.000 [get_ports {outgoing}]"), "{text}");
    for port in &emitted.ports {
        assert!(text.contains(&port.name));
    }
}

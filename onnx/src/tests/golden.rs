//! The models of `tests/models` beside what the `qonnx` package made of them: equal to the last bit, ties included.

use std::path::Path;

use serde_json::Value;
use sterna_ir::eval;

use crate::{Options, import, parse};

fn rows(value: &Value) -> Vec<Vec<f64>> {
    let row = |r: &Value| r.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    value.as_array().unwrap().iter().map(row).collect()
}

#[track_caller]
fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name);
    let model = parse(&std::fs::read(path.with_extension("onnx")).unwrap()).unwrap();
    let outcomes: Value =
        serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
    let (x, y) = (rows(&outcomes["x"]), rows(&outcomes["y"]));
    assert_eq!((x.len(), y.len()), (60, 60));
    let y_width = y[0].len();
    let classes = import(&model, &Options::default()).unwrap();
    let scores = import(&model, &Options { scores: true, ..Options::default() });
    for (sample, (x, y)) in x.iter().zip(&y).enumerate() {
        let x: Vec<f32> = x.iter().map(|v| *v as f32).collect();
        assert_eq!(classes.compare(&x, y).unwrap(), None, "sample {sample}");
        // The values of a softmax are not those of its integers, and a class has no scores.
        let Ok(scores) = &scores else { continue };
        let Some(meaning) = &scores.scores else { continue };
        let trace = eval::evaluate(&scores.network, &scores.encode(&x).unwrap()).unwrap();
        let found: Vec<f64> = (trace[trace.len() - 1].iter().zip(&meaning.offset))
            .map(|(v, o)| *v as f64 * meaning.scale + o)
            .collect();
        assert_eq!(&found, y, "sample {sample}");
    }
    assert_eq!(scores.is_err(), name == "shapes");
    let has_scores = scores.is_ok_and(|s| s.scores.is_some());
    assert_eq!(has_scores, y_width > 1 && name != "shapes");
}

#[test]
fn matrices_with_scales_of_all_kinds() {
    check("matrices");
}

#[test]
fn images_with_a_residual_sum_and_pools() {
    check("residual");
}

#[test]
fn bits_that_stand_for_signs_under_padding() {
    check("bipolar");
}

#[test]
fn staircases_of_other_kinds() {
    check("staircases");
}

#[test]
fn pairs_of_quantize_and_dequantize() {
    check("linear");
}

#[test]
fn windows_beyond_the_image_with_gaps_and_uneven_pads() {
    check("windows");
}

#[test]
fn shapes_computed_in_the_graph() {
    check("shapes");
}

#[test]
fn branches_that_meet_in_sums_and_as_channels() {
    check("branches");
}

#[test]
fn low_bits_dropped_with_a_scale_of_their_own() {
    check("truncated");
}

#[test]
fn operators_as_they_changed_over_the_versions() {
    for version in [11, 13, 18, 21, 25] {
        check(&format!("opset-{version}"));
    }
}

#[test]
fn every_way_to_round() {
    for mode in ["half-even", "half-up", "half-down", "ceil", "floor", "up", "down"] {
        check(&format!("rounding-{mode}"));
    }
}

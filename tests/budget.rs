//! Automatic folding through the command.

use crate::util::{Folder, has, small_network};

#[test]
fn the_design_chosen_is_the_design_written() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    let design = ["compile", "net.sterna", "--target", "ecp5", "-o", "out"];
    let built = folder.json(0, &[&design[..], &["--max-luts", "3000", "--max-bram", "8"]].concat());
    let point = &built["choice"]["point"];
    assert!(point["cells"]["lut"].as_f64().unwrap() <= 3000.0, "{point:#}");
    assert!(point["cells"]["bram"].as_f64().unwrap() <= 8.0, "{point:#}");
    assert_eq!(built["interval"], point["timing"]["interval"]);
    assert_eq!(built["latency"], point["timing"]["latency"]);
    let read = folder.json(0, &["estimate", "out"]);
    assert_eq!(read["estimates"][0]["total"]["lut"], point["cells"]["lut"]);
    assert_eq!(point["reasons"].as_array().unwrap().len(), 3);

    let fast = folder.json(0, &[&design[..], &["--clock", "50MHz", "--rate", "200000"]].concat());
    assert!(fast["interval"].as_u64().unwrap() <= 250, "{fast:#}");
}

#[test]
fn what_fits_nowhere_ends_with_status_1_and_writes_nothing() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    let flags =
        ["compile", "net.sterna", "--target", "ice40", "-o", "out", "--max-luts", "700", "--cycles", "9"];
    let found = folder.json(1, &flags);
    assert_eq!(found["fits"], false);
    let points = found["nearest"].as_array().unwrap();
    assert!(points.iter().any(|p| p["timing"]["interval"].as_u64().unwrap() <= 9), "{points:#?}");
    assert_eq!(folder.names(), ["net.sterna"]);
}

#[test]
fn yosys_has_the_last_word() {
    if !has("yosys", "-V") {
        return;
    }
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    let design = ["compile", "net.sterna", "--target", "ice40", "-o", "out", "--max-luts", "1300", "--synth"];
    let built = folder.json(0, &design);
    assert!(built["choice"]["yosys"]["lut"].as_u64().unwrap() <= 1300, "{built:#}");
    let measured = folder.json(0, &["synth", "out"]);
    assert_eq!(measured["results"][0]["measured"]["lut"], built["choice"]["yosys"]["lut"]);
}

#[test]
fn the_frontier_is_a_table_and_a_plot() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    let flags = ["explore", "net.sterna", "--target", "xcup", "--csv", "f.csv", "--svg", "f.svg"];
    let points = folder.json(0, &flags);
    let points = points["points"].as_array().unwrap();
    let csv = std::fs::read_to_string(folder.join("f.csv")).unwrap();
    assert_eq!(csv.lines().count(), points.len() + 1, "{csv}");
    assert!(points.len() > 3, "{csv}");
    let interval = |point: &serde_json::Value| point["timing"]["interval"].as_u64().unwrap();
    assert!(points.windows(2).all(|pair| interval(&pair[0]) > interval(&pair[1])), "{csv}");
    let svg = std::fs::read_to_string(folder.join("f.svg")).unwrap();
    assert_eq!(svg.matches("<circle").count(), points.len());
}

#[test]
fn a_training_to_a_budget_gives_the_circuit_that_it_names() {
    let folder = Folder::new();
    let train = ["train", "digits:600,100", "--hidden", "16", "--epochs", "6", "-o", "net.sterna"];
    let trained = folder.json(0, &[&train[..], &["--budget", "900", "--target", "ice40"]].concat());
    let cost = trained["cost"].as_f64().unwrap();
    assert!((0.9 * 900.0..=900.0).contains(&cost), "{cost} of 900 LUT");
    let read =
        folder.json(0, &["estimate", "net.sterna", "--unrolled", "--target", "ice40", "--family", "ice40"]);
    assert_eq!(read["estimates"][0]["total"]["lut"].as_f64(), Some(cost));

    // The recipe of the record gives the same network.
    std::fs::rename(folder.join("net.training.json"), folder.join("recipe.json")).unwrap();
    folder.json(0, &["train", "digits:600,100", "--config", "recipe.json", "-o", "again.sterna"]);
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(bytes("net.sterna"), bytes("again.sterna"));

    let trained = folder.json(0, &[&train[..], &["--cycles", "60", "--pes", "12"]].concat());
    let built = folder.json(0, &["compile", "net.sterna", "--pes", "12", "--input-lanes", "16", "-o", "out"]);
    assert_eq!(built["interval"].as_f64(), trained["cost"].as_f64());
    assert!(trained["cost"].as_f64().unwrap() <= 60.0, "{:#}", trained["cost"]);
}

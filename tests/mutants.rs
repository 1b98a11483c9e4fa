//! Breaking one weight, one threshold or one ROM word in the emitted Verilog makes `verify` fail.

use std::path::Path;

use crate::util::{Folder, has, small_network};

/// Verilog files of a build folder, sorted, test bench aside.
fn verilog(folder: &Path) -> Vec<std::path::PathBuf> {
    let (files, _) = crate::lint::sources(folder);
    files.iter().map(|f| folder.join(f)).collect()
}

/// Applies `edit` to the first line of the build that it changes, starting half-way through each file that `wanted` picks.
#[track_caller]
fn change(folder: &Path, wanted: impl Fn(&str) -> bool, edit: impl Fn(&str) -> Option<String>) {
    for path in verilog(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let middle = (lines.len() / 2..lines.len()).chain(0..lines.len() / 2);
        let Some((at, new)) = middle.filter(|_| wanted(&name)).find_map(|i| Some((i, edit(lines[i])?)))
        else {
            continue;
        };
        let mut lines: Vec<String> = lines.into_iter().map(str::to_string).collect();
        lines[at] = new;
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        return;
    }
    panic!("nothing to change in {}", folder.display());
}

/// Flips a bit, counted from the top, of one word of the weight ROM of a module whose name contains `module`.
fn change_rom_word(folder: &Path, module: &str, bit: u32) {
    change(
        folder,
        |name| name.contains(module),
        |line| {
            let (head, tail) = line.strip_prefix("        schedule[").and(line.split_once("'h"))?;
            let digits: String = tail.chars().take_while(char::is_ascii_hexdigit).collect();
            let width: u32 = head.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
            let value = u64::from_str_radix(&digits, 16).ok()?;
            // A word whose index is neither zero nor all ones moves and adds.
            let ones = (1 << (width - 2)) - 1;
            let adds = value & ones != 0 && value & ones != ones;
            let changed = format!("{:0w$x}", value ^ 1 << (width - 1 - bit), w = digits.len());
            adds.then(|| format!("{head}'h{changed}{}", &tail[digits.len()..]))
        },
    );
}

const IMAGES: &[&str] = &["--data", "digits:600,200", "--samples", "100"];

/// Samples that aim at thresholds: whatever pixel a word reads, it counts.
const MADE: &[&str] = &["--samples", "400"];

#[track_caller]
fn caught(style: &[&str], stimuli: &[&str], damage: impl Fn(&Path)) {
    if !has("verilator", "--version") {
        return;
    }
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&[&["compile", "net.sterna", "-o", "out"], style].concat());
    let verify = [&["verify", "out"], stimuli].concat();
    let report = folder.json(0, &verify);
    assert_eq!(report["equal"], true, "{report:#}");
    damage(&folder.join("out"));
    let report = folder.json(1, &verify);
    assert_eq!(report["equal"], false, "{report:#}");
    assert!(report["mismatch"]["cycle"].is_u64(), "{report:#}");
    assert_eq!(report["edited"].as_array().map(Vec::len), Some(1), "{report:#}");
}

#[test]
fn a_rom_word() {
    // Its sign, and whether a row begins with it.
    caught(&["--pes", "6"], MADE, |folder| change_rom_word(folder, "_pe", 1));
    caught(&["--pes", "6"], MADE, |folder| change_rom_word(folder, "_pe", 0));
}

#[test]
fn a_weight() {
    caught(&["--unrolled"], IMAGES, |folder| {
        change(
            folder,
            |_| true,
            |line| {
                let sum = line.trim_start().starts_with("wire") && line.contains(" + ");
                sum.then(|| line.replacen(" + ", " - ", 1))
            },
        );
    });
}

#[test]
fn a_threshold() {
    // The smallest change there is.
    caught(&["--unrolled"], MADE, |folder| {
        change(
            folder,
            |_| true,
            |line| {
                let (head, tail) = line.split_once(" >= ")?;
                let at = tail.find("'sd").or_else(|| tail.find("'d"))?;
                let mark = at + tail[at..].find('d')? + 1;
                let digits: String = tail[mark..].chars().take_while(char::is_ascii_digit).collect();
                let value: u64 = digits.parse().ok()?;
                Some(format!("{head} >= {}{}{}", &tail[..mark], value ^ 1, &tail[mark + digits.len()..]))
            },
        );
    });
}

/// The verdict of `verify --formal` on each module.
fn proofs(report: &serde_json::Value) -> Vec<(String, String)> {
    let text = |m: &serde_json::Value, key: &str| m[key].as_str().unwrap().to_string();
    let modules = report["formal"].as_array().unwrap();
    modules.iter().map(|m| (text(m, "module"), text(m, "verdict"))).collect()
}

#[test]
fn damages_are_found_by_proof() {
    if !has("verilator", "--version") || !has("yosys", "-V") {
        return;
    }
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["compile", "net.sterna", "--pes", "3", "--target", "xcup", "-o", "out"]);
    let verify = ["verify", "out", "--samples", "2", "--formal"];
    let before = proofs(&folder.json(0, &verify));
    assert!(before.iter().all(|(_, v)| v == "plain" || v == "proved"), "{before:?}");
    assert!(before.iter().filter(|(_, v)| v == "proved").count() > 3, "{before:?}");
    let out = folder.join("out");
    // One bit of a look-up table; a word of a memory; what enters an instance of another module.
    change(
        &out,
        |name| name.contains("layer1_pe"),
        |line| {
            let (head, tail) = line.split_once("INIT(64'h")?;
            let table = u64::from_str_radix(&tail[..16], 16).ok()?;
            Some(format!("{head}INIT(64'h{:016x}{}", table ^ 1, &tail[16..]))
        },
    );
    change_rom_word(&out, "layer2_pe", 1);
    change(
        &out,
        |name| name.contains("layer1.v"),
        |line| line.trim_start().starts_with(".pc ").then(|| line.replace("(pc)", "(~pc)")),
    );
    let report = folder.json(1, &verify);
    let open: Vec<_> = proofs(&report).into_iter().filter(|(_, v)| v == "unproven").collect();
    let found = |part: &str| open.iter().filter(|(module, _)| module.contains(part)).count();
    assert_eq!(open.len(), 3, "{report:#}");
    assert_eq!((found("layer1_pe"), found("layer2_pe"), found("layer1")), (1, 1, 2), "{report:#}");
}

#[test]
fn a_difference_leaves_a_small_stimulus_that_shows_it_again() {
    if !has("verilator", "--version") {
        return;
    }
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["compile", "net.sterna", "--pes", "6", "-o", "out"]);
    change_rom_word(&folder.join("out"), "_pe", 1);
    let report = folder.json(1, &[&["verify", "out"], MADE].concat());
    assert_eq!(report["mismatch"]["kind"], "value", "{report:#}");
    let again = folder.json(1, &["verify", "out", "--stimuli", "mismatch.json"]);
    assert_eq!((&again["samples"], &again["cached"]), (&1.into(), &true.into()), "{again:#}");
    assert_eq!(again["mismatch"]["place"], report["mismatch"]["place"], "{again:#}");
    folder.put("bad.json", r#"{"stall_level": 0, "seed": 1, "before": 0, "samples": [[1, 2]]}"#);
    let output = folder.sterna(&["verify", "out", "--stimuli", "bad.json"]);
    let said = crate::util::text(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("bad.json"), "{said}");
}

/// A network of a table of six columns, so small that proofs over its circuit end: with a network of images their memories
/// alone take minutes.
fn tiny() -> Folder {
    let folder = Folder::new();
    let row = |i: usize| {
        let x: Vec<usize> = (0..6).map(|column| (i * (7 + column) + 13 * column) % 17).collect();
        let cells: Vec<String> = x.iter().map(usize::to_string).collect();
        format!("{},{}\n", cells.join(","), usize::from(x[0] > x[1]) + usize::from(x[2] > x[3]))
    };
    folder.put("table.csv", format!("a,b,c,d,e,f,label\n{}", (0..90).map(row).collect::<String>()));
    folder.ok(&["train", "table.csv", "--hidden", "6,5", "--epochs", "3", "-o", "net.sterna"]);
    folder.ok(&["compile", "net.sterna", "--pes", "4", "-o", "out"]);
    folder
}

#[test]
fn mutants_are_counted_and_not_run_twice() {
    if !has("verilator", "--version") || !has("yosys", "-V") {
        return;
    }
    let folder = tiny();
    let verify =
        ["verify", "out", "--samples", "12", "--mutants", "48", "--proof-time", "5", "--cache-dir", "cache"];
    let report = folder.json(0, &verify);
    let counts = &report["mutants"];
    let number = |key: &str| counts[key].as_u64().unwrap();
    let open = counts["survivors"].as_array().unwrap().len() as u64 - number("equivalent");
    assert_eq!((number("tried"), number("killed") + number("equivalent") + open), (48, 48), "{counts:#}");
    assert!(number("killed") > 30 && counts["kinds"].as_object().unwrap().len() > 6, "{counts:#}");
    let journal = || {
        let names = std::fs::read_dir(folder.join("cache")).unwrap().map(|e| e.unwrap().path());
        names.into_iter().find(|p| p.extension().is_some_and(|e| e == "jsonl")).unwrap()
    };
    // As if interrupted while a line was written.
    let text = std::fs::read_to_string(journal()).unwrap();
    std::fs::write(journal(), &text[..text.len() - 9]).unwrap();
    let again = folder.json(0, &verify);
    assert_eq!(again["mutants"], report["mutants"]);
    let lines = std::fs::read_to_string(journal()).unwrap();
    assert_eq!(lines.lines().count(), 49, "one mutant was run again");
}

#[test]
fn nothing_is_proved_of_mutants_that_are_killed() {
    if !has("verilator", "--version") || !has("yosys", "-V") {
        return;
    }
    let folder = tiny();
    let report = folder
        .json(0, &["verify", "out", "--samples", "12", "--mutants", "10", "--proof-time", "5", "--doubt"]);
    assert!(report["mutants"]["killed"].as_u64() > Some(4), "{report:#}");
}

//! Reports: the same bytes each time, readable in a real browser at any width, and no request or script in them.

use std::path::Path;
use std::process::Command;

use crate::util::{Folder, has, small_network, text};

/// Trains, compares, compiles, verifies and synthesises something small, each with its report; their names.
fn reports(folder: &Folder) -> Vec<&'static str> {
    let train =
        ["train", "digits:300,60", "--hidden", "10", "--epochs", "3", "--batch", "30", "-o", "net.sterna"];
    folder.ok(&[&train[..], &["--report", "train.html"]].concat());
    folder.ok(&["compile", "net.sterna", "--pes", "4", "-o", "out", "--report", "out/compile.html"]);
    folder.ok(&["report", "out"]);
    let compare =
        ["compare", "digits:300,60", "--hidden", "6", "--epochs", "2", "--methods", "twn,top-k,float"];
    folder
        .ok(&[&compare[..], &["-o", "all", "--pes", "3", "--unroll", "600", "--report", "compare.html"]]
            .concat());
    let mut names = vec!["train.html", "out/compile.html", "out/report.html", "compare.html"];
    if has("verilator", "--version") {
        folder.ok(&["verify", "out", "--samples", "20", "--report", "verify.html"]);
        names.push("verify.html");
    }
    if has("yosys", "-V") {
        folder.ok(&["synth", "out", "--family", "ecp5", "--report", "synth.html"]);
        names.push("synth.html");
    }
    names
}

/// Opens a file in headless Chromium, at the width of a telephone: the page as the browser understood it, and what the
/// console says.
fn open(folder: &Folder, page: &Path) -> (String, String) {
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        .args(["--allow-file-access-from-files", "--virtual-time-budget=5000", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", folder.join("browser").display()))
        .args(["--dump-dom", &format!("file://{}", page.display())])
        .output()
        .unwrap();
    assert!(output.status.success(), "chromium: {}", text(&output.stderr));
    let console =
        text(&output.stderr).lines().filter(|l| l.contains("CONSOLE")).map(String::from).collect::<Vec<_>>();
    (text(&output.stdout), console.join("\n"))
}

/// A page around the report that measures it: texts of charts that overlap or leave their chart, and content wider than the
/// screen.
fn measure(folder: &Folder, report: &Path, width: u32) -> String {
    let script = r"
        const page = document.querySelector('iframe').contentDocument, faults = [];
        if (page.documentElement.scrollWidth > WIDTH) faults.push('wider than the screen: ' + page.documentElement.scrollWidth);
        const small = new Set();
        for (const svg of page.querySelectorAll('svg')) {
            const all = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
            const frame = svg.getBoundingClientRect(), boxes = all.map(t => t.getBoundingClientRect());
            boxes.forEach((a, i) => {
                const name = all[i].textContent.trim();
                if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
                    faults.push('cut off: ' + name);
                boxes.slice(i + 1).forEach((b, j) => {
                    // Lines have room above and below their letters.
                    if (a.left < b.right && b.left < a.right && a.top + 4 < b.bottom && b.top + 4 < a.bottom)
                        faults.push('overlap: ' + name + ' and ' + all[i + 1 + j].textContent.trim());
                });
            });
        }
        for (const t of page.querySelectorAll('svg text'))
            if (parseFloat(page.defaultView.getComputedStyle(t).fontSize) < 8) small.add(t.textContent);
        small.forEach(t => faults.push('too small: ' + t));
        document.body.innerText = 'FAULTS ' + faults.length + '\n' + faults.join('\n');";
    let script = script.replace("WIDTH", &width.to_string());
    let report = report.display();
    let page = format!(
        "<!doctype html><body><iframe src='file://{report}' width='{width}' height='2000' style='border:0'></iframe>\
         <script>onload = () => {{{script}}}</script>"
    );
    let place = folder.put("measure.html", page);
    let (dom, console) = open(folder, &place);
    assert_eq!(console, "", "{report}");
    dom
}

#[test]
fn reports_open_in_a_browser_without_a_fault() {
    if !has("chromium", "--version") {
        return;
    }
    let folder = Folder::new();
    for name in reports(&folder) {
        let path = folder.join(name);
        let (dom, console) = open(&folder, &path);
        assert_eq!(console, "", "{name}");
        assert!(dom.contains("<svg") && dom.contains("</footer>"), "{name} is cut short");
        for width in [390, 1440] {
            let found = measure(&folder, &path, width);
            assert!(found.contains("FAULTS 0"), "{name} at {width} pixels: {found}");
        }
    }
    // What the checks are for is found.
    let page = std::fs::read_to_string(folder.join("train.html")).unwrap();
    for bad in
        ["<img src='http://example.invalid/a.png'>", "<script>1</script>", "<link rel=stylesheet href=a.css>"]
    {
        let path = folder.put("bad.html", page.replacen("<main>", &format!("<main>{bad}"), 1));
        assert!(open(&folder, &path).1.contains("Content Security Policy"), "{bad}");
    }
    let wide = page.replacen("<main>", "<main><div style='width:500px'>x</div>", 1);
    assert!(measure(&folder, &folder.put("bad.html", wide), 390).contains("wider than the screen"));
    let shifted = page.replacen(
        "</svg>",
        "<text x='-30' y='20'>left</text><text x='9' y='20'>a</text><text x='9' y='20'>b</text></svg>",
        1,
    );
    let found = measure(&folder, &folder.put("bad.html", shifted), 390);
    assert!(found.contains("cut off: left") && found.contains("overlap: a and b"), "{found}");
}

/// The same content in another folder gives the same bytes, and none of them tells where it was made.
#[test]
fn a_report_says_nothing_of_its_machine() {
    let [here, there] = [Folder::new(), Folder::new()];
    for folder in [&here, &there] {
        folder.put("net.sterna", small_network());
        folder.ok(&["compile", "net.sterna", "--pes", "3", "-o", "out", "--report", "far/away.html"]);
        folder.ok(&["report", "out"]);
        folder.ok(&["report", "net.sterna"]);
    }
    for name in ["far/away.html", "out/report.html", "net.report.html"] {
        let page = std::fs::read_to_string(here.join(name)).unwrap();
        assert_eq!(page, std::fs::read_to_string(there.join(name)).unwrap(), "{name}");
        let machine = here.path().display().to_string();
        assert!(!page.contains(&machine) && !page.contains("<script") && !page.contains("src="), "{name}");
    }
    let linked = std::fs::read_to_string(here.join("out/report.html")).unwrap();
    assert!(linked.contains("<a href=\"manifest.json\">"), "files beside the report are linked");
    let away = std::fs::read_to_string(here.join("far/away.html")).unwrap();
    assert!(away.contains("manifest.json") && !away.contains("href=\"../"), "files elsewhere are named only");
}

/// The curves of a training follow its network into the build folder, and not into that of another network.
#[test]
fn the_training_travels_with_its_network() {
    let folder = Folder::new();
    folder.ok(&["train", "digits:200,40", "--hidden", "8", "--epochs", "2", "-o", "a.sterna"]);
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("a.training.json")).unwrap()).unwrap();
    assert_eq!(record["history"].as_array().unwrap().len(), 2);
    folder.ok(&["compile", "a.sterna", "--pes", "2", "-o", "out"]);
    folder.ok(&["report", "out"]);
    let page = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(page("out/report.html").contains("mean loss, nats"));
    folder.put("a.sterna", small_network());
    folder.ok(&["report", "a.sterna"]);
    assert!(!page("a.report.html").contains("mean loss, nats"), "the record is of another network");
    folder.put("b.training.json", "{}");
    let output =
        folder.sterna(&["train", "digits:200,40", "--hidden", "8", "--epochs", "1", "-o", "b.sterna"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("b.training.json exists and is no training record"));
}

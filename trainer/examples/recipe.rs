//! Trains on a folder of idx.gz files and prints what came out: the measurement behind the stated accuracies.
//!
//! `recipe <folder> <weights> <activation> [key=json ...]`, e.g. `recipe mnist twn codes2 epochs=20 rate=0.005`.

use std::io::Read;
use std::time::Instant;

use ndarray::Array2;
use sterna_trainer::config::{Activation, Weights};
use sterna_trainer::data::{Dataset, Split};
use sterna_trainer::{Config, check_export, train};

type Failure = Box<dyn std::error::Error>;

struct Lines;
impl sterna_trainer::Observer for Lines {
    fn epoch(&mut self, r: &sterna_trainer::EpochRecord, t: std::time::Duration) -> sterna_trainer::Control {
        let val = r.validation_accuracy.unwrap_or(f64::NAN) * 100.0;
        let train = r.train_accuracy * 100.0;
        eprintln!("{:3} loss {:.4} train {train:.2} val {val:.2} {:.1} s", r.epoch, r.loss, t.as_secs_f64());
        sterna_trainer::Control::Continue
    }
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, weights, activation, settings @ ..] = &args[..] else {
        return Err("recipe <folder> <weights> <activation> [key=json ...]".into());
    };
    let mut config = Config {
        weights: match weights.as_str() {
            "float" => Weights::Float { bits: 8 },
            "bc" => Weights::BinaryConnect,
            "bwn" => Weights::Bwn { per_filter: false },
            "twn" => Weights::twn(),
            "topk" => Weights::top_k(0.955),
            other => serde_json::from_str(other)?,
        },
        activation: match activation.as_str() {
            "sign" => Activation::sign(),
            "relu" => Activation::Relu { bits: 8 },
            codes if codes.starts_with("codes") => Activation::codes(codes[5..].parse()?),
            other => serde_json::from_str(other)?,
        },
        ..Config::default()
    };
    let mut json = serde_json::to_value(&config)?;
    for setting in settings {
        let (key, value) = setting.split_once('=').ok_or("want key=json")?;
        json[key] = serde_json::from_str(value)?;
    }
    config = serde_json::from_value(json)?;
    let dataset = Dataset {
        name: "mnist".into(),
        shape: vec![1, 28, 28],
        range: sterna_ir::Range::new(0, 255),
        classes: 10,
        train: split(folder, "train")?,
        test: split(folder, "t10k")?,
    };
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let out = train(&dataset, &config, None, &mut Lines)?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let checked = Instant::now();
    check_export(&out.model, &out.network, &dataset.test)?;
    let percent = |v: Option<f64>| v.unwrap_or(f64::NAN) * 100.0;
    println!(
        "{weights} {activation} {settings:?}: test {:.2} float {:.2} val {:.2} best epoch {} of {}, {:?} statistics, zeros {:.4?}, {} nonzeros, dead {:?}, {wall:.0} s wall, {cpu:.0} s CPU, check {:.1} s",
        percent(out.test_accuracy),
        percent(out.float_accuracy),
        percent(out.validation_accuracy),
        out.best_epoch,
        config.epochs,
        out.statistics,
        out.zeros,
        out.nonzeros,
        out.dead,
        checked.elapsed().as_secs_f64(),
    );
    Ok(())
}

/// User time of this process, where the system tells it.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn split(folder: &str, part: &str) -> Result<Split, Failure> {
    let read = |name: String| -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(format!("{folder}/{name}"))?)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let y = read(format!("{part}-labels-idx1-ubyte.gz"))?[8..].to_vec();
    let x = read(format!("{part}-images-idx3-ubyte.gz"))?[16..].to_vec();
    Ok(Split { x: Array2::from_shape_vec((y.len(), 784), x)?, y })
}

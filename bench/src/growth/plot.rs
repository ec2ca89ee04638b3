//! Draws curves as SVG.

use std::path::Path;

use plotters::prelude::*;

use super::Curve;
use crate::Result;

const SIZE: (u32, u32) = (720, 400);
const COLOURS: [RGBColor; 3] =
    [RGBColor(31, 99, 177), RGBColor(120, 120, 120), RGBColor(196, 98, 45)];
const FONT: &str = "sans-serif";

/// Draws a curve into a file of its name.
///
/// # Errors
/// The file cannot be written.
pub fn draw(curve: &Curve, folder: &Path) -> Result<()> {
    let path = folder.join(format!("{}.svg", curve.figure.id));
    let area = SVGBackend::new(&path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let points = || curve.lines.iter().flat_map(|line| &line.points);
    let (widest, highest) =
        points().fold((1.0f64, 1.0f64), |(x, y), point| (x.max(point.0), y.max(point.1)));
    let (left, lowest) = points()
        .fold((f64::INFINITY, f64::INFINITY), |(x, y), point| (x.min(point.0), y.min(point.1)));
    // Room above and below: a curve that hardly grows should look so.
    let across = (left..widest * 1.1).log_scale();
    let up = ((lowest / 3.0).max(0.1)..highest * 3.0).log_scale();
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{} – {} expected", curve.figure.title, curve.figure.expected), (FONT, 18))
        .margin(12)
        .margin_right(40)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(across, up)?;
    let number = |figure: &f64| plain(*figure);
    chart
        .configure_mesh()
        .x_desc(curve.figure.of)
        .y_desc(curve.figure.cost)
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .light_line_style(WHITE)
        .axis_desc_style((FONT, 15))
        .label_style((FONT, 13))
        .draw()?;
    for (line, colour) in curve.lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        let label = format!("{}: n^{:.2}", line.name, line.exponent);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        chart
            .draw_series(line.points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
    }
    let background = WHITE.mix(0.9);
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font((FONT, 14))
        .background_style(background)
        .draw()?;
    Ok(area.present()?)
}

/// A figure with commas at the thousands.
fn plain(figure: f64) -> String {
    if figure.fract() > 0.01 && figure < 10.0 {
        return format!("{figure:.1}");
    }
    let digits = format!("{figure:.0}");
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
}

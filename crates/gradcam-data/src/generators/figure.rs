//! Plane figures in the square from -1 to 1.

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    Disc,
    Ring,
    Square,
    Triangle,
    Cross,
    Star,
    Crescent,
    Hourglass,
}

/// All figures; the index is the class.
pub(super) const FIGURES: [(Figure, &str); 8] = [
    (Figure::Disc, "disc"),
    (Figure::Ring, "ring"),
    (Figure::Square, "square"),
    (Figure::Triangle, "triangle"),
    (Figure::Cross, "cross"),
    (Figure::Star, "star"),
    (Figure::Crescent, "crescent"),
    (Figure::Hourglass, "hourglass"),
];

/// Sine and cosine of 36° and 72°.
const S36: f64 = 0.587_785_252_292_473_1;
const C36: f64 = 0.809_016_994_374_947_5;
const S72: f64 = 0.951_056_516_295_153_5;
const C72: f64 = 0.309_016_994_374_947_45;

impl Figure {
    /// Tells whether a point lies in the figure, which about fills the unit circle.
    pub(super) fn contains(self, x: f64, y: f64) -> bool {
        let square = x * x + y * y;
        match self {
            Figure::Disc => square < 0.81,
            Figure::Ring => (0.3..1.0).contains(&square),
            Figure::Square => x.abs() < 0.75 && y.abs() < 0.75,
            // Equilateral, with one side at the bottom.
            Figure::Triangle => y < 0.5 && y > 1.732_050_807_568_877_2 * x.abs() - 1.0,
            Figure::Cross => {
                let (long, short) = (x.abs().max(y.abs()), x.abs().min(y.abs()));
                long < 0.95 && short < 0.3
            }
            Figure::Star => star(x, y),
            Figure::Crescent => square < 1.0 && (x - 0.45) * (x - 0.45) + y * y > 0.64,
            Figure::Hourglass => y.abs() < 0.85 && x.abs() < 0.1 + 0.75 * y.abs(),
        }
    }
}

/// Tests a five-pointed star: a point is inside if it lies on the inner side of at least four of the pentagram's five lines.
fn star(x: f64, y: f64) -> bool {
    const NORMALS: [[f64; 2]; 5] = [
        [0.0, 1.0],
        [S72, C72],
        [S36, -C36],
        [-S36, -C36],
        [-S72, C72],
    ];
    let inner = NORMALS.iter().filter(|n| n[0] * x + n[1] * y < C72);
    inner.count() >= 4
}

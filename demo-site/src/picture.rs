//! A drawing for each product, so that pages have pictures to load and the repository has none to carry.

/// The drawing of product `id` as SVG.
pub(crate) fn of_product(id: i64) -> Option<String> {
    let index = usize::try_from(id.checked_sub(1)?).ok()?;
    let (hue, shape) = DRAWINGS.get(index)?;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 320 240\">\
         <defs><linearGradient id=\"g\" x2=\"0\" y2=\"1\">\
         <stop stop-color=\"hsl({hue} 55% 90%)\"/><stop offset=\"1\" stop-color=\"hsl({hue} 45% 78%)\"/>\
         </linearGradient></defs>\
         <rect width=\"320\" height=\"240\" fill=\"url(#g)\"/>\
         <circle cx=\"252\" cy=\"54\" r=\"26\" fill=\"#fff\" opacity=\".55\"/>\
         <path d=\"M0 188c54-26 106-26 160 0s106 26 160 0v52H0z\" fill=\"hsl({hue} 40% 66%)\" opacity=\".55\"/>\
         <g fill=\"hsl({hue} 48% 38%)\" stroke=\"hsl({hue} 55% 22%)\" stroke-width=\"5\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">{shape}</g>\
         <path d=\"M0 210c54-22 106-22 160 0s106 22 160 0v30H0z\" fill=\"hsl({hue} 45% 56%)\" opacity=\".6\"/></svg>"
    ))
}

/// Hue and shape of each product, in the order of their ids.
const DRAWINGS: [(u16, &str); 12] = [
    // Bottle
    (
        196,
        "<rect x=\"146\" y=\"38\" width=\"28\" height=\"22\" rx=\"4\"/><path d=\"M136 60h48v14l12 20v92a12 12 0 0 1-12 12h-48a12 12 0 0 1-12-12V94l12-20z\"/><path d=\"M124 118h72M124 150h72\" fill=\"none\"/>",
    ),
    // Mug
    (
        212,
        "<path d=\"M110 86h92v86a20 20 0 0 1-20 20h-52a20 20 0 0 1-20-20z\"/><path d=\"M202 106h14a22 22 0 0 1 0 52h-14\" fill=\"none\" stroke-width=\"11\"/><g fill=\"#fff\" stroke=\"none\" opacity=\".8\"><circle cx=\"132\" cy=\"112\" r=\"4\"/><circle cx=\"160\" cy=\"130\" r=\"3\"/><circle cx=\"182\" cy=\"108\" r=\"4\"/><circle cx=\"142\" cy=\"158\" r=\"3\"/><circle cx=\"176\" cy=\"166\" r=\"4\"/></g>",
    ),
    // Dry bag
    (
        28,
        "<path d=\"M112 84h96v96a16 16 0 0 1-16 16h-64a16 16 0 0 1-16-16z\"/><rect x=\"116\" y=\"56\" width=\"88\" height=\"28\" rx=\"12\"/><path d=\"M116 66c-22-6-22 30-4 26M204 66c22-6 22 30 4 26M136 112h48\" fill=\"none\"/>",
    ),
    // Folding cup
    (160, "<path d=\"M104 92h112l-10 34H114zM114 126h92l-9 32h-74zM123 158h74l-8 30h-58z\"/>"),
    // Kettle
    (
        8,
        "<path d=\"M104 116c0-26 24-40 56-40s56 14 56 40v58a16 16 0 0 1-16 16h-80a16 16 0 0 1-16-16z\"/><path d=\"M216 122l30-20M124 78c0-42 72-42 72 0\" fill=\"none\" stroke-width=\"9\"/><circle cx=\"160\" cy=\"68\" r=\"7\"/>",
    ),
    // Bucket
    (
        46,
        "<path d=\"M104 92h112l-14 94a10 10 0 0 1-10 8h-64a10 10 0 0 1-10-8z\"/><path d=\"M106 92c6-62 102-62 108 0M110 126h100\" fill=\"none\"/>",
    ),
    // Shoe
    (
        82,
        "<path d=\"M84 176V98h46c6 30 24 38 54 44 34 6 52 14 52 34z\"/><path d=\"M78 176h164v12a8 8 0 0 1-8 8H86a8 8 0 0 1-8-8zM136 118l20-8M150 134l18-10\"/>",
    ),
    // Gloves
    (
        262,
        "<path d=\"M118 196v-60l-22-26c-8-10 6-22 14-12l16 18V62c0-14 20-14 20 0v40V52c0-14 20-14 20 0v50V60c0-14 20-14 20 0v48V76c0-14 20-14 20 0v120z\"/><path d=\"M118 168h88\" fill=\"none\"/>",
    ),
    // Canister
    (
        184,
        "<path d=\"M100 82a14 14 0 0 1 14-14h20V54h34v14h38a14 14 0 0 1 14 14v100a14 14 0 0 1-14 14h-92a14 14 0 0 1-14-14z\"/><path d=\"M124 96l72 72M196 96l-72 72\" fill=\"none\"/><path d=\"M220 166h16v14\" fill=\"none\" stroke-width=\"9\"/>",
    ),
    // Towel
    (
        134,
        "<path d=\"M92 66h136v20H92z\"/><path d=\"M108 86h104v106l-13-8-13 8-13-8-13 8-13-8-13 8-13-8-13 8z\"/><path d=\"M108 112h104M108 124h104\" fill=\"none\"/>",
    ),
    // Packraft
    (
        18,
        "<path d=\"M52 146c20 44 60 52 108 52s88-8 108-52c4-12-14-18-20-8-12 20-40 26-88 26s-76-6-88-26c-6-10-24-4-20 8z\"/><path d=\"M92 74l120 78M84 62l18 18M206 146l22 20\" fill=\"none\" stroke-width=\"9\"/>",
    ),
    // Jacket
    (
        226,
        "<path d=\"M136 64c0-28 48-28 48 0l34 16 22 90-28 8-12-48v68h-80v-68l-12 48-28-8 22-90z\"/><path d=\"M160 80v118M136 64c8 18 40 18 48 0\" fill=\"none\"/>",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_has_a_drawing_and_nothing_else_has() {
        assert!((1..=12).all(|id| of_product(id).is_some()));
        for id in [0, 13, -1, i64::MIN] {
            assert_eq!(of_product(id), None);
        }
    }
}

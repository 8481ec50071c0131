package calibration

import "math"

// neonAir are the lines of Ne I that a lamp shows from 530 to 970 nm: wavelength in air (nm) and relative strength as
// listed by the NIST Atomic Spectra Database. The strengths were estimated by eye on photographic plates and say
// little about what a detector counts.
var neonAir = [][2]float64{
	{534.10938, 100}, {540.05618, 200}, {556.27662, 50}, {565.66588, 50}, {576.44188, 70}, {582.01558, 50}, {585.24879, 200},
	{588.18952, 100}, {594.48342, 50}, {597.55340, 60}, {602.99969, 100}, {607.43377, 100}, {609.61631, 30}, {614.30626, 100},
	{616.35939, 100}, {621.72812, 100}, {626.64950, 100}, {630.47889, 10}, {633.44278, 100}, {638.29917, 100}, {640.22480, 200},
	{650.65281, 150}, {653.28822, 10}, {659.89529, 100}, {667.82762, 50}, {671.70430, 7}, {692.94673, 1000}, {702.40504, 300},
	{703.24131, 800}, {705.91074, 100}, {717.39381, 800}, {724.51666, 800}, {743.88981, 100}, {747.24386, 30}, {748.88712, 300},
	{753.57741, 300}, {754.40443, 130}, {794.31814, 80}, {808.24580, 60}, {811.85492, 40}, {812.89108, 12}, {813.64054, 170},
	{825.93790, 30}, {826.60772, 70}, {830.03258, 300}, {836.57466, 50}, {837.76080, 800}, {841.71606, 30}, {841.84274, 250},
	{846.33575, 40}, {849.53598, 700}, {854.46958, 15}, {857.13524, 30}, {859.12584, 400}, {863.46470, 350}, {864.70411, 60},
	{865.43831, 600}, {865.55220, 80}, {867.94925, 130}, {868.19211, 150}, {870.41116, 30}, {877.16563, 100}, {878.06226, 600},
	{878.37533, 400}, {885.38668, 300}, {886.57552, 150}, {891.95006, 60}, {914.86716, 120}, {920.17591, 90}, {922.00601, 60},
	{930.08527, 80}, {932.65068, 70}, {942.53788, 50}, {948.66818, 50}, {953.41629, 60}, {966.54197, 180},
}

func neonLines() []Line {
	lines := make([]Line, len(neonAir))
	for i, l := range neonAir {
		lines[i] = Line{Position: VacuumNM(l[0]), Relative: l[1] / 1000}
	}
	return lines
}

// AirIndex is the refractive index of standard air (15 °C, 101325 Pa, 450 ppm CO2) for a wavelength in vacuum of 230 to
// 1690 nm: P. E. Ciddor, Appl. Opt. 35 (1996) 1566, equation 1.
func AirIndex(vacuumNM float64) float64 {
	s2 := math.Pow(1e3/vacuumNM, 2) // (1/um)^2
	return 1 + 0.05792105/(238.0185-s2) + 0.00167917/(57.362-s2)
}

// VacuumNM turns a wavelength in standard air into that in vacuum. The two differ by 0.2 nm near 785 nm, which is 3 cm-1,
// so lamp and laser have to be in the same medium.
func VacuumNM(airNM float64) float64 {
	vacuum := airNM
	for range 4 { // each round gains six digits
		vacuum = airNM * AirIndex(vacuum)
	}
	return vacuum
}

// AirNM turns a wavelength in vacuum into that in standard air.
func AirNM(vacuumNM float64) float64 { return vacuumNM / AirIndex(vacuumNM) }

// ShiftCM1 is the Raman shift of a wavelength; both in vacuum, nm.
func ShiftCM1(laserNM, nm float64) float64 { return 1e7/laserNM - 1e7/nm }

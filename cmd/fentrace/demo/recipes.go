package demo

import "math/rand/v2"

// analog is the fentanyl analog that is new in the simulated month.
const analog = "para-Fluorofentanyl"

// share is a part of a recipe with the range its share of the signal is drawn from.
type share struct {
	substance string
	low, high float64
}

// recipe is a kind of sample and how common it is among the scans of a place.
type recipe struct {
	weight float64
	parts  []share
}

// recipes are the usual business: drugs as sold, and the powders that they are cut with or mistaken for. The weights
// are chosen to look like a region, not taken from one.
var recipes = []recipe{
	{8, []share{{"acetaminophen", 1, 1}}},
	{6, []share{{"acetaminophen", 0.5, 0.8}, {"lactose", 0.2, 0.5}}},
	{7, []share{{"caffeine", 0.4, 0.8}, {"mannitol", 0.2, 0.6}}},
	{5, []share{{"mannitol", 1, 1}}},
	{5, []share{{"lactose", 1, 1}}},
	{4, []share{{"lidocaine", 0.5, 0.8}, {"inositol", 0.2, 0.5}}},
	{3, []share{{"procaine", 0.4, 0.7}, {"caffeine", 0.3, 0.6}}},
	{3, []share{{"xylazine", 0.4, 0.7}, {"mannitol", 0.3, 0.6}}},
	{13, []share{{"methamphetamine", 1, 1}}},
	{4, []share{{"methamphetamine", 0.5, 0.8}, {"caffeine", 0.2, 0.5}}},
	{5, []share{{"cocaine", 0.5, 0.8}, {"lidocaine", 0.2, 0.5}}},
	{4, []share{{"cocaine", 0.4, 0.8}, {"lactose", 0.2, 0.6}}},
	{3, []share{{"heroin", 0.3, 0.6}, {"caffeine", 0.4, 0.7}}},
	{2, []share{{"MDMA", 0.5, 0.9}, {"caffeine", 0.1, 0.5}}},
	{2, []share{{"ketamine", 1, 1}}},
	{2, []share{{withheld, 1, 1}}},
}

// fentanylRecipes are added where fentanyl is sold.
var fentanylRecipes = []recipe{
	{12, []share{{"Fentanyl", 0.08, 0.35}, {"caffeine", 0.3, 0.5}, {"mannitol", 0.2, 0.4}}},
	{9, []share{{"Fentanyl", 0.1, 0.4}, {"xylazine", 0.4, 0.7}}},
	{5, []share{{"Fentanyl", 0.2, 0.5}, {"medetomidine", 0.1, 0.3}, {"lactose", 0.3, 0.6}}},
	{5, []share{{"Fentanyl", 0.05, 0.3}, {"acetaminophen", 0.5, 0.8}}},
	{2, []share{{"Fentanyl", 0.3, 0.5}, {"BTMPS", 0.2, 0.4}, {"mannitol", 0.2, 0.4}}},
	{2, []share{{"Acetylfentanyl", 0.2, 0.5}, {"lactose", 0.4, 0.7}}},
}

// analogRecipes are added where the new analog has arrived.
var analogRecipes = []recipe{
	{14, []share{{analog, 0.25, 0.5}, {"lactose", 0.4, 0.7}}},
	{9, []share{{analog, 0.1, 0.4}, {"caffeine", 0.4, 0.7}}},
	{5, []share{{analog, 0.3, 0.5}, {"xylazine", 0.3, 0.5}}},
}

// carfentanilRecipe is the rare one.
var carfentanilRecipe = recipe{1, []share{{"Carfentanil", 0.25, 0.4}, {"mannitol", 0.5, 0.7}}}

// pick draws one recipe by weight.
func pick(rng *rand.Rand, lists ...[]recipe) recipe {
	total := 0.0
	for _, list := range lists {
		for _, r := range list {
			total += r.weight
		}
	}
	at := rng.Float64() * total
	last := recipe{}
	for _, list := range lists {
		for _, r := range list {
			if last = r; at < r.weight {
				return r
			}
			at -= r.weight
		}
	}
	return last
}

// make draws the shares.
func (r recipe) make(rng *rand.Rand) Mixture {
	m := make(Mixture, len(r.parts))
	total := 0.0
	for i, p := range r.parts {
		m[i] = Part{p.substance, p.low + (p.high-p.low)*rng.Float64()}
		total += m[i].Share
	}
	for i := range m {
		m[i].Share /= total
	}
	return m
}

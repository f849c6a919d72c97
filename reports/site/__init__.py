"""The report as a static site: results, claims, figures and sample browsers, from stored runs; nothing is trained."""

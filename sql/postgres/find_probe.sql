-- What is left of that setting.
SELECT current_setting('drip.probe', true)

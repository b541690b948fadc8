-- A setting that ends with the transaction; without one, with this statement.
SELECT set_config('drip.probe', :nonce, true)
